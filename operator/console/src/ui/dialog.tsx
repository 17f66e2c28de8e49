/** A native modal dialog, opened as long as it is part of the page. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./parts";

interface Props {
  title: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
  /** Escape and the cross; without it the dialog stays until its question is answered. */
  onClose?: () => void;
  wide?: boolean;
}

export function Dialog({ title, children, actions, onClose, wide = false }: Props): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  // Before anything is painted: what somebody types at once belongs to the dialog, and after it to where they were.
  useLayoutEffect(() => {
    const dialog = element.current!;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose?.();
  };
  return (
    <dialog ref={element} class={wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel={cancel}>
      <header>
        <h2 id="dialog-title">{title}</h2>
        {onClose && <IconButton icon="cross" label="Close" onClick={onClose} />}
      </header>
      <div class="dialog-body">{children}</div>
      {actions && <footer class="actions">{actions}</footer>}
    </dialog>
  );
}
