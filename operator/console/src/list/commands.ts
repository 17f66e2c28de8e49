/** What is asked of the API about a whole package, wherever it is shown. */
import { call, Problem } from "../api/client";
import { started } from "../state/builds";
import { packagePath } from "../state/route";
import { toast } from "../state/toasts";

interface Named {
  namespace: string;
  name: string;
  display_name?: string | null;
}

/** Does it; whether it went well. What the API says against it is told. */
export async function trying(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast("error", error.detail);
    return false;
  }
}

/** Asks for a validation or a build of the list as it is saved. */
export const ask = (wanted: "validate" | "build", { namespace, name, display_name }: Named) =>
  trying(async () => {
    const { id } = await call(`POST /dep-packages/{namespace}/{name}:${wanted}`, { path: { namespace, name } });
    if (wanted === "build") started(id, namespace, name);
    const link = { text: "Open", to: packagePath(namespace, name) };
    toast("info", `${display_name || name}: ${wanted === "build" ? "a build" : "a validation"} is asked for.`, { link });
  });

export const cancel = (namespace: string, name: string) => trying(() => call("POST /dep-packages/{namespace}/{name}:cancel", { path: { namespace, name } }));

export const remove = (namespace: string, name: string) =>
  trying(async () => {
    await call("DELETE /dep-packages/{namespace}/{name}", { path: { namespace, name } });
    toast("info", `${name} is being deleted.`);
  });
