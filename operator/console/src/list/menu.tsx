/** What can be done with a package besides editing it: of its row in the list, and of its page. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { call } from "../api/client";
import type { DepPackageSummary, Phase } from "../api/schema";
import { go, packagePath } from "../state/route";
import { session } from "../state/session";
import { Actions, type Action } from "../ui/actions";
import { copyText } from "../ui/slug";
import { toast } from "../state/toasts";
import { ask, cancel, trying } from "./commands";
import { Delete } from "./delete";

export type Subject = Pick<DepPackageSummary, "id" | "namespace" | "name" | "display_name" | "slug" | "build_status" | "deleting" | "managed_by"> & {
  /** Whether there is a ZIP. */
  built: boolean;
};

const BUSY: ReadonlySet<Phase> = new Set<Phase>(["VALIDATING", "QUEUED", "INSTALLING", "PACKAGING", "UPLOADING"]);

interface Props {
  of: Subject;
  /** Whether its page is the present one. */
  onPage?: boolean;
}

export function PackageMenu({ of, onPage = false }: Props): JSX.Element {
  const [verbs, setVerbs] = useState<string[] | null>(null);
  const [deleting, setDeleting] = useState(false);
  const look = () => void session.rightsIn(of.namespace).then(setVerbs, () => undefined);
  const may = (verb: string) => !verbs || verbs.includes("*") || verbs.includes(verb);
  const mayNot = may("patch") && may("delete") ? "" : `You may look at the packages of ${of.namespace}, not change them.`;
  const name = of.display_name || of.name;
  return (
    <>
      <Actions name={`Actions of ${name}`} groups={groups(of, onPage, { patch: may("patch"), delete: may("delete") }, mayNot, () => setDeleting(true))} onOpen={look}>
        {mayNot && <p class="muted">{mayNot}</p>}
      </Actions>
      {deleting && <Delete of={of} onPage={onPage} onClose={() => setDeleting(false)} />}
    </>
  );
}

function groups(of: Subject, onPage: boolean, may: { patch: boolean; delete: boolean }, mayNot: string, onDelete: () => void): Action[][] {
  const { namespace, name, slug, deleting, built } = of;
  const here = packagePath(namespace, name);
  const busy = BUSY.has(of.build_status);
  const gone = deleting ? "It is being deleted" : "";
  const change = (may.patch ? "" : mayNot) || gone;
  const start = change || (busy ? "A build or a validation is under way" : "");
  const open: Action[] = [
    { label: "Open", icon: "package", run: () => go(here) },
    { label: "Build Logs", icon: "lines", run: () => go(`${here}?tab=logs`) },
  ];
  const work: Action[] = [
    { label: "Validate", icon: "check", run: () => void ask("validate", of), why: start },
    { label: "Build", icon: "archive", run: () => void ask("build", of), why: start },
    { label: "Cancel", icon: "stop", run: () => void cancel(namespace, name), why: change || (busy ? "" : "Nothing is under way") },
  ];
  const copies: Action[] = [
    { label: "Duplicate", icon: "plus", run: () => duplicate(of) },
    { label: "Copy slug", icon: "copy", run: () => void copied(slug!), why: slug ? "" : "The operator gives it a slug in a moment" },
    { label: "Copy S3 URI", icon: "copy", run: () => void copyUri(of), why: built ? "" : "It has no ZIP yet" },
    { label: "Copy name", icon: "copy", run: () => void copied(`${namespace}/${name}`) },
  ];
  const end: Action[] = [{ label: "Delete…", icon: "trash", run: onDelete, why: (may.delete ? "" : mayNot) || gone, danger: true }];
  return onPage ? [copies, end] : [open, work, copies, end];
}

/** Opens a new package with the same list; nothing is saved. */
function duplicate({ namespace, name }: Subject): void {
  go(`new?${new URLSearchParams({ ns: namespace, from: `${namespace}/${name}` })}`);
}

async function copied(text: string): Promise<void> {
  await copyText(text);
  toast("info", `Copied ${text}`);
}

const copyUri = ({ namespace, name }: Subject) =>
  trying(async () => {
    const { s3_uri, artifact } = await call("GET /dep-packages/{namespace}/{name}", { path: { namespace, name } });
    const uri = s3_uri ?? artifact?.uri;
    if (uri) await copied(uri);
  });
