/** Asks for the name before a package is deleted, and tells what it would mean. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Users, useUsers } from "../flows/used";
import { go } from "../state/route";
import { Dialog } from "../ui/dialog";
import { Button, Notice } from "../ui/parts";
import { remove } from "./commands";
import type { Subject } from "./menu";

export function Delete({ of, onPage, onClose }: { of: Subject; onPage: boolean; onClose: () => void }): JSX.Element {
  const { namespace, name } = of;
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const { found } = useUsers(namespace, of.slug ?? null);
  const blocking = found?.users.filter((one) => one.pin) ?? [];
  const enter = async (event: Event) => {
    event.preventDefault();
    if (typed !== name || busy) return;
    setBusy(true);
    const done = await remove(namespace, name);
    onClose();
    if (done && onPage) go("packages");
  };
  const actions = (
    <>
      <Button onClick={onClose}>Keep it</Button>
      <Button kind="danger" icon="trash" type="submit" form="delete-form" busy={busy} disabled={typed !== name || busy} title={typed === name ? undefined : "Type its name first"}>
        Delete
      </Button>
    </>
  );
  return (
    <Dialog title={`Delete ${of.display_name || name}?`} onClose={onClose} actions={actions}>
      <p>
        Its ZIPs and logs go with it. Its slug {of.slug && <code>{of.slug}</code>} is never given to another package.
      </p>
      {blocking.length > 0 && (
        <Notice tone="warn" role="status">
          {blocking.length === 1 ? "A flow runs" : `${blocking.length} flows run`} with it. It stays, marked as being deleted, until{" "}
          {blocking.length === 1 ? "that one is" : "they are"} deleted or deployed without it.
        </Notice>
      )}
      {of.slug && <Users found={found} sha256={null} few />}
      {of.managed_by && <Notice tone="warn">{of.managed_by} decides about it, and may create it again.</Notice>}
      <form id="delete-form" class="typed-name" onSubmit={(event) => void enter(event)}>
        <label>
          <span>
            Type <code>{name}</code> to delete it
          </span>
          <input value={typed} onInput={(event) => setTyped(event.currentTarget.value)} spellcheck={false} autocomplete="off" autocapitalize="none" />
        </label>
      </form>
    </Dialog>
  );
}
