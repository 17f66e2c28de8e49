/** A button that opens a menu of things to do with what it stands beside. (ARIA Authoring Practices, menu button) */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface Action {
  label: string;
  icon: IconName;
  run: () => void;
  /** Why it can't be done now; empty where it can. */
  why?: string;
  danger?: boolean;
}

interface Props {
  /** What a screen reader calls the button, such as "Actions of ETL". */
  name: string;
  /** Groups, with a line between them. */
  groups: Action[][];
  onOpen?: () => void;
  /** What stands below the actions. */
  children?: ComponentChildren;
}

export function Actions({ name, groups, onOpen, children }: Props): JSX.Element {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const shut = (back: boolean) => {
    setOpen(false);
    if (back) button.current?.focus({ preventScroll: true });
  };
  const toggle = () => {
    if (!open) onOpen?.();
    setOpen(!open);
  };
  return (
    <div class="actions-menu">
      <button ref={button} type="button" class="icon-button" aria-haspopup="menu" aria-expanded={open} aria-label={name} title="Actions" onClick={toggle}>
        <Icon name="more" />
      </button>
      {open && (
        <Panel button={button.current!} name={name} groups={groups} onShut={shut}>
          {children}
        </Panel>
      )}
    </div>
  );
}

interface PanelProps extends Pick<Props, "name" | "groups" | "children"> {
  button: HTMLElement;
  onShut: (back: boolean) => void;
}

function Panel({ button, name, groups, onShut, children }: PanelProps): JSX.Element {
  const panel = useRef<HTMLDivElement>(null);
  const items = () => [...panel.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
  useLayoutEffect(() => {
    place(panel.current!, button.getBoundingClientRect());
    items()[0]?.focus({ preventScroll: true });
  }, []);
  // Not a passive effect: what that listens to is let go only after the next frame, and would shut a menu that is opened again by then.
  useLayoutEffect(() => {
    const away = (event: Event) => !panel.current?.contains(event.target as Node) && !button.contains(event.target as Node) && onShut(false);
    const lost = () => onShut(false);
    const moved = () => place(panel.current!, button.getBoundingClientRect());
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    document.addEventListener("scroll", lost, true);
    addEventListener("resize", moved);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
      document.removeEventListener("scroll", lost, true);
      removeEventListener("resize", moved);
    };
  }, []);
  const press = (event: KeyboardEvent) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const typed = event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== " ";
    const named = () => [...all.slice(at + 1), ...all.slice(0, at + 1)].find((one) => one.textContent!.trim().toLowerCase().startsWith(event.key.toLowerCase()));
    const next = { ArrowDown: all[(at + 1) % all.length], ArrowUp: all.at(at - 1), Home: all[0], End: all.at(-1) }[event.key] ?? (typed ? named() : undefined);
    if (event.key === "Tab") return onShut(true);
    if (event.key === "Escape") onShut(true);
    else if (next) next.focus();
    else if (!typed) return;
    event.preventDefault();
  };
  const choose = (action: Action) => {
    if (action.why) return;
    onShut(true);
    action.run();
  };
  return (
    <div ref={panel} class="actions-panel" onKeyDown={press}>
      <div role="menu" aria-label={name}>
        {groups.map((group, index) => (
          <div key={index} role="group">
            {group.map((action) => (
              <button key={action.label} type="button" role="menuitem" tabIndex={-1} class={action.danger ? "danger" : ""} aria-disabled={Boolean(action.why)} title={action.why} onClick={() => choose(action)}>
                <Icon name={action.icon} />
                {action.label}
              </button>
            ))}
          </div>
        ))}
      </div>
      {children}
    </div>
  );
}

const APART = 4;

/** Below the button, or above it where there is more room; at the window's place, so that no table cuts it off. */
function place(panel: HTMLElement, { top, bottom, right }: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = panel;
  const above = bottom + APART + height > innerHeight && top > innerHeight - bottom;
  panel.style.left = `${Math.max(APART, Math.min(right, innerWidth - APART) - width)}px`;
  panel.style.top = `${above ? Math.max(APART, top - APART - height) : bottom + APART}px`;
}
