/** Small parts that pages share. */
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../api/client";
import { ROOT } from "../base";
import { go } from "../state/route";
import { Icon, type IconName } from "./icons";

interface LinkProps {
  /** Below the console's root. */
  to: string;
  children: ComponentChildren;
  class?: string;
  "data-index"?: number;
  "aria-label"?: string;
  "aria-current"?: "page" | "true" | undefined;
  onClickCapture?: () => void;
}

/** A link that stays in this page where it is followed in this tab. */
export function Link({ to, children, ...rest }: LinkProps): JSX.Element {
  const follow = (event: MouseEvent) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={new URL(to, ROOT).href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

interface ButtonProps {
  children: ComponentChildren;
  icon?: IconName;
  kind?: "plain" | "primary" | "quiet" | "danger";
  busy?: boolean;
  onClick?: (event: MouseEvent) => void;
  disabled?: boolean;
  title?: string;
  type?: "button" | "submit";
  /** Id of the form that it submits, from outside of it. */
  form?: string;
  shortcut?: string;
}

/** A button with words; `title` says why it is disabled, or more of what it does. */
export function Button({ children, icon, kind = "plain", busy, type = "button", shortcut, ...rest }: ButtonProps): JSX.Element {
  return (
    <button {...rest} type={type} class={`button ${kind}`} aria-busy={busy} aria-keyshortcuts={shortcut}>
      {busy ? <Icon name="refresh" turning /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** A button that is a drawing only; its words are its name and its tooltip. */
export function IconButton(props: { icon: IconName; label: string; onClick: (event: MouseEvent) => void; pressed?: boolean; disabled?: boolean }): JSX.Element {
  const { icon, label, pressed, ...rest } = props;
  return (
    <button {...rest} type="button" class="icon-button" aria-label={label} title={label} aria-pressed={pressed}>
      <Icon name={icon} />
    </button>
  );
}

/** A face of a page or of a part of it: what is so, why, and what to do. */
export function Face(props: { icon: IconName; title: string; tone?: "bad"; level?: 1 | 2; children?: ComponentChildren; actions?: ComponentChildren }): JSX.Element {
  return (
    <section class={`face ${props.tone ?? ""}`}>
      <span class="face-icon">
        <Icon name={props.icon} />
      </span>
      {props.level === 1 ? <h1>{props.title}</h1> : <h2>{props.title}</h2>}
      <div class="face-text">{props.children}</div>
      {props.actions && <div class="actions">{props.actions}</div>}
    </section>
  );
}

/** A strip over a page's content. */
export function Notice(props: { tone: "info" | "warn" | "bad" | "good"; children: ComponentChildren; action?: ComponentChildren; role?: "alert" | "status" }): JSX.Element {
  const icons = { info: "help", warn: "alert", bad: "alert", good: "check" } as const;
  return (
    <div class={`notice ${props.tone}`} role={props.role}>
      <Icon name={icons[props.tone]} />
      <div class="notice-text">{props.children}</div>
      {props.action}
    </div>
  );
}

/** A problem in the API's own words. */
export function ProblemText({ problem }: { problem: Problem }): JSX.Element {
  return (
    <>
      {problem.detail} <code class="code-name">{problem.code}</code>
    </>
  );
}
