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
local ready, stalled = current.Ready, current.Stalled
if ready == nil then
  return health
end
health.message = ready.message
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" then
  -- Deployed: but a schedule may be suspended, as that of a CronJob.
  if ready.reason == "ScheduleSuspended" then
    health.status = "Suspended"
  else
    health.status = "Healthy"
  end
end
return health
