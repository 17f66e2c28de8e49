/** What has happened lately: three at most over the page, all of them behind the bell. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ago, now } from "../state/clock";
import { dismiss, missedCount, pause, resume, seeAll, toasts, told, type Toast } from "../state/toasts";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { IconButton, Link } from "./parts";

const ICONS = { info: "help", success: "check", error: "alert" } as const;

export function Toasts(): JSX.Element {
  const holder = useRef<HTMLElement>(null);
  // Once neither pointer nor focus is there: what leaves first may leave the other behind.
  const left = () => queueMicrotask(() => holder.current?.matches(":hover, :focus-within") || resume());
  // One that is dismissed takes pointer and focus along, and tells nobody.
  useEffect(() => {
    if (!toasts.value.length) resume();
  }, [toasts.value.length]);
  return (
    <section ref={holder} class="toasts" aria-label="Notifications" onMouseEnter={pause} onMouseLeave={left} onFocusIn={pause} onFocusOut={left}>
      {toasts.value.map((one) => (
        <One key={one.id} toast={one} />
      ))}
    </section>
  );
}

function One({ toast }: { toast: Toast }): JSX.Element {
  const { id, kind, text, action } = toast;
  return (
    <div class={`toast ${kind}`}>
      <Icon name={ICONS[kind]} />
      <p role={kind === "error" ? "alert" : "status"}>{text}</p>
      <To toast={toast} />
      {action && (
        <button type="button" class="link" onClick={() => (action.run(), dismiss(id))}>
          {action.text}
        </button>
      )}
      <IconButton icon="cross" label="Dismiss" onClick={() => dismiss(id)} />
    </div>
  );
}

const To = ({ toast: { id, link } }: { toast: Toast }) =>
  link ? (
    <Link to={link.to} onClickCapture={() => dismiss(id)}>
      {link.text}
    </Link>
  ) : null;

/** The list of what was told, for those who looked elsewhere. */
export function Bell(): JSX.Element {
  const count = missedCount.value;
  const label = (
    <>
      <Icon name="bell" />
      {count > 0 && <span class="bell-count">{count}</span>}
    </>
  );
  return (
    <Menu label={label} name={count ? `Earlier notifications, ${count} new` : "Earlier notifications"} title="Earlier notifications" className="bell">
      {(close) => <Earlier onFollow={close} />}
    </Menu>
  );
}

function Earlier({ onFollow }: { onFollow: () => void }): JSX.Element {
  useEffect(seeAll, []);
  if (!told.value.length) return <p class="muted">Nothing has happened since you opened this page.</p>;
  return (
    <ul class="earlier" tabIndex={0} aria-label="Earlier notifications">
      {told.value.map((one) => (
        <li key={one.id} class={one.kind}>
          <Icon name={ICONS[one.kind]} />
          <span class="earlier-text">{one.text}</span>
          <span class="muted">{ago(new Date(one.at).toISOString(), now.value)}</span>
          <span onClick={onFollow}>
            <To toast={one} />
          </span>
        </li>
      ))}
    </ul>
  );
}
