/** Whether somebody may change a package here, and the strip that says why not. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { DepPackageResponse } from "../api/schema";
import { session } from "../state/session";
import { Dialog } from "../ui/dialog";
import { Button, Notice } from "../ui/parts";

export interface Standing {
  readOnly: boolean;
  strip: JSX.Element | null;
}

/** `gone`: whether it has been deleted while its page was open. */
export function useStanding(data: DepPackageResponse, gone: boolean): Standing {
  const mayNot = useMayNot(data.namespace, "patch");
  const [anyway, setAnyway] = useState(false);
  if (gone) return { readOnly: true, strip: <Notice tone="warn">This package has been deleted. What you see is how it was.</Notice> };
  if (data.deleting) return { readOnly: true, strip: <BeingDeleted data={data} /> };
  if (mayNot) return { readOnly: true, strip: <Notice tone="info">{mayNot}</Notice> };
  const tool = data.managed_by;
  if (!tool) return { readOnly: false, strip: null };
  return { readOnly: !anyway, strip: <Managed tool={tool} anyway={anyway} onAnyway={() => setAnyway(true)} /> };
}

function BeingDeleted({ data }: { data: DepPackageResponse }): JSX.Element {
  const blocked = data.conditions.find((one) => one.type === "DeletionBlocked" && one.status === "True");
  return (
    <Notice tone="warn">
      <strong>This package is being deleted.</strong> {blocked ? `It waits: ${blocked.message || data.message}` : "It can be created again once it is gone."}
    </Notice>
  );
}

function Managed({ tool, anyway, onAnyway }: { tool: string; anyway: boolean; onAnyway: () => void }): JSX.Element {
  const [asking, setAsking] = useState(false);
  const edit = () => {
    setAsking(false);
    onAnyway();
  };
  if (anyway) {
    return (
      <Notice tone="warn">
        <strong>{tool}</strong> decides about this package, and may undo what you save here.
      </Notice>
    );
  }
  return (
    <>
      <Notice tone="info" action={<Button onClick={() => setAsking(true)}>Edit anyway</Button>}>
        <strong>{tool}</strong> decides about this package: change it at its source, where the change stays.
      </Notice>
      {asking && (
        <Dialog
          title="Edit what is managed elsewhere?"
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>Leave it</Button>
              <Button kind="danger" onClick={edit}>
                Edit anyway
              </Button>
            </>
          }
        >
          <p>
            <strong>{tool}</strong> decides about this package. It brings its own list back when it runs next, and what you save here is gone then.
          </p>
        </Dialog>
      )}
    </>
  );
}

/** Why nothing can be changed or made here; null where it can, and until that is known. */
export function useMayNot(namespace: string, verb: "patch" | "create"): string | null {
  const [verbs, setVerbs] = useState<string[] | null>(null);
  useEffect(() => {
    setVerbs(null);
    if (namespace) session.rightsIn(namespace).then(setVerbs, () => undefined);
  }, [namespace]);
  if (!verbs || verbs.includes("*") || verbs.includes(verb)) return null;
  return `You may look at the packages of ${namespace}, not change them. Ask its administrator for the role dagy-package-edit.`;
}
