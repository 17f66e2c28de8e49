/** Asks before something is done that others see. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { IconName } from "../ui/icons";
import { Dialog } from "../ui/dialog";
import { Button } from "../ui/parts";

interface Props {
  title: string;
  /** Words of the button that does it. */
  does: string;
  icon: IconName;
  work: () => Promise<unknown>;
  onClose: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, does, icon, work, onClose, children }: Props): JSX.Element {
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    await work();
    onClose();
  };
  const actions = (
    <>
      <Button onClick={onClose}>Back</Button>
      <Button kind="primary" icon={icon} busy={busy} disabled={busy} onClick={() => void act()}>
        {does}
      </Button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions}>
      {children}
    </Dialog>
  );
}
