/** What is asked of the API about a flow. */
import { call } from "../api/client";
import type { DeploymentResponse } from "../api/schema";
import { trying } from "../list/commands";
import { toast } from "../state/toasts";

type Named = Pick<DeploymentResponse, "namespace" | "name">;

/** Starts a run; the name of its Job, or null where the API said no. `token`: the same for each try, so that it runs once. */
export async function start({ namespace, name }: Named, token: string): Promise<string | null> {
  let job: string | null = null;
  await trying(async () => {
    const started = await call("POST /deployments/{namespace}/{name}:run", { path: { namespace, name }, query: { token } });
    job = started.job_name;
    toast("success", `${name}: a run of revision ${started.revision} has started.`);
  });
  return job;
}

export const rollBack = ({ namespace, name }: Named, revision: number) =>
  trying(async () => {
    await call("POST /deployments/{namespace}/{name}:rollback", { path: { namespace, name }, body: { revision } });
    toast("success", `${name}: revision ${revision} is being deployed again, as a new one.`);
  });
