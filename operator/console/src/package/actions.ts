/** Save, Validate, Save & Build: one after the other, and never a second package. */
import { signal } from "@preact/signals";
import { call, Problem } from "../api/client";
import type { DepPackageResponse } from "../api/schema";
import { draftOf, type Draft, type Editing } from "../editor/draft";
import { readEntries } from "../editor/reading";
import { started } from "../state/builds";
import { toast } from "../state/toasts";

export type Wanted = "save" | "validate" | "build";

/** The button whose work is under way. */
export const doing = signal<Wanted | null>(null);
/** Why it went no further. */
export const refused = signal<Problem | null>(null);

function body(draft: Draft) {
  return {
    display_name: draft.name.trim(),
    description: draft.description.trim() || null,
    python_version: draft.python as DepPackageResponse["python_version"],
    platform: { architecture: draft.architecture, glibc: draft.glibc },
    dependencies: draft.entries.map((one) => one.text),
  };
}

/** Where the package is; null for one that was never saved. */
export type Where = Pick<DepPackageResponse, "namespace" | "name" | "etag"> | null;

/** Does the wanted step and those before it; the package as it is then, or null where it went wrong. */
export async function act(wanted: Wanted, editing: Editing, where: Where, namespace: string, key: string): Promise<DepPackageResponse | null> {
  doing.value = wanted;
  refused.value = null;
  try {
    const saved = await save(editing, where, namespace, key);
    if (wanted === "save") toast("success", "Saved. Save alone builds nothing.");
    return wanted === "save" ? saved : await ask(wanted, saved);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    refused.value = error;
    return null;
  } finally {
    doing.value = null;
  }
}

async function save(editing: Editing, where: Where, namespace: string, key: string): Promise<DepPackageResponse> {
  const draft = editing.draft.value;
  const now = where
    ? await call("PATCH /dep-packages/{namespace}/{name}", { path: where, body: body(draft), headers: { "if-match": where.etag } })
    : await call("POST /dep-packages", {
        body: { namespace, ...body(draft), build_policy: "Manual" },
        // The same for each try: an answer that was lost makes no second package.
        headers: { "idempotency-key": key },
      });
  editing.becameSaved(`${now.namespace}/${now.name}`, now.etag, { ...draft, conflicts: [] });
  return now;
}

async function ask(wanted: "validate" | "build", { namespace, name }: DepPackageResponse): Promise<DepPackageResponse> {
  const path = { namespace, name };
  if (wanted === "validate") return call("POST /dep-packages/{namespace}/{name}:validate", { path });
  const now = await call("POST /dep-packages/{namespace}/{name}:build", { path });
  started(now.id, namespace, name);
  return now;
}

/** Goes on on what somebody else has saved: with this list, or with theirs where nothing was changed here. */
export async function onTheirs(editing: Editing, theirs: DepPackageResponse, mine: Draft | null): Promise<void> {
  editing.rebase(`${theirs.namespace}/${theirs.name}`, theirs.etag, draftOf(theirs), mine);
  refused.value = null;
  await readEntries(editing);
}
