/** A button that opens a panel: native popover where there is one name for it, closed by Escape and by a click elsewhere. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  /** What a screen reader calls the button. */
  name: string;
  title: string;
  children: (close: () => void) => ComponentChildren;
  className?: string;
}

export function Menu({ label, name, title, children, className = "" }: Props): JSX.Element {
  const [open, setOpen] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  // Not a passive effect: what that listens to is let go only after the next frame.
  useLayoutEffect(() => {
    if (!open) return;
    const away = (event: Event) => !holder.current?.contains(event.target as Node) && setOpen(false);
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
  return (
    <div class={`menu ${className}`} ref={holder}>
      <button ref={button} type="button" class="menu-button" aria-expanded={open} aria-haspopup="dialog" aria-label={name} title={title} onClick={() => setOpen(!open)}>
        {label}
      </button>
      {open && (
        <div class="menu-panel" role="dialog" aria-label={title}>
          {children(() => setOpen(false))}
        </div>
      )}
    </div>
  );
}
