-- Reads conditions of the present generation only, so that nothing is told of a spec that was changed since.
local health = {status = "Progressing", message = "The operator has not looked at this yet."}
local current = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    if condition.observedGeneration == obj.metadata.generation then
      current[condition.type] = condition
    end
  end
end
local settled, stalled, ready = current.Settled, current.Stalled, current.Ready
if settled == nil then
  return health
end
health.message = settled.message
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
elseif ready ~= nil and ready.status == "True" then
  health.status = "Healthy"
elseif settled.status == "True" then
  -- Nobody has asked for an artifact: it is suspended, or saved and to be built by hand, which needs nothing more.
  if obj.spec.suspend == true then
    health.status = "Suspended"
  else
    health.status = "Healthy"
  end
end
return health
