/** What stands in the place of the list, or above it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../api/client";
import { choose, chosen, knowsAll, namespaces } from "../state/namespaces";
import type { Item, Listing } from "../state/listing";
import type { IconName } from "../ui/icons";
import { Button, Face, Notice, ProblemText } from "../ui/parts";

const GREY_ROWS = 8;
const PATIENCE = 150; // milliseconds before anything moves

/** The part of a list that says why it is not there. */
type Missing = Pick<Listing<Item>, "problem" | "retry" | "retryAt">;

export function Loading({ what }: { what: string }): JSX.Element | null {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return null;
  return (
    <div class="grey-rows" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: GREY_ROWS }, (_, index) => (
        <div class="grey-row" key={index}>
          <span class="grey short" />
          <span class="grey long" />
          <span class="grey short" />
        </div>
      ))}
    </div>
  );
}

/** There is nothing yet; `children` say what it would be. */
export function Empty(props: { icon: IconName; what: string; children: ComponentChildren; actions?: ComponentChildren }): JSX.Element {
  const { icon, what, children, actions } = props;
  const where = chosen.value ? `in ${chosen.value}` : "in any namespace";
  return (
    <Face icon={icon} title={`No ${what} ${where} yet`} actions={actions}>
      {children}
    </Face>
  );
}

/** `parts`: what the filter asks for; `what` is filtered. */
export function NothingMatches({ what, parts, onClear }: { what: string; parts: string[]; onClear: () => void }): JSX.Element {
  return (
    <Face icon="search" title="Nothing matches" actions={<Button onClick={onClear}>Clear the filter</Button>}>
      <p>No {what} here has {parts.join(" and ")}.</p>
    </Face>
  );
}

/** Who may not list everything chooses what to see. */
export function NoNamespace({ level = 2, what = "packages" }: { level?: 1 | 2; what?: string }): JSX.Element {
  const [text, setText] = useState("");
  const enter = (event: Event) => {
    event.preventDefault();
    if (text.trim()) choose(text.trim());
  };
  return (
    <Face level={level} icon="archive" title="Choose a namespace">
      <p>You may not list the {what} of all namespaces at once, so choose one that you may see.</p>
      {namespaces.value.length > 0 && (
        <ul class="choices">
          {namespaces.value.map((name) => (
            <li key={name}>
              <Button onClick={() => choose(name)}>{name}</Button>
            </li>
          ))}
        </ul>
      )}
      {!knowsAll.value && (
        <form class="inline-form" onSubmit={enter}>
          <label>
            Namespace
            <input value={text} onInput={(event) => setText(event.currentTarget.value)} spellcheck={false} autocapitalize="none" />
          </label>
          <Button type="submit">Show</Button>
        </form>
      )}
    </Face>
  );
}

export function Refused({ of, problem }: { of: Missing; problem: Problem }): JSX.Element {
  const unreachable = problem.passing;
  return (
    <Face
      icon="alert"
      tone="bad"
      title={unreachable ? "The list can't be had now" : problem.title}
      actions={
        <>
          <Button icon="refresh" onClick={of.retry}>
            Try again
          </Button>
          {chosen.value && <Button onClick={() => choose("")}>All namespaces</Button>}
        </>
      }
    >
      <p>
        <ProblemText problem={problem} />
      </p>
      {unreachable && <Countdown of={of} />}
    </Face>
  );
}

/** Above a list that is not up to date. */
export function Offline({ of }: { of: Missing }): JSX.Element {
  const detail = of.problem.value?.detail ?? "The API does not answer.";
  return (
    <Notice tone="warn" role="status" action={<Button onClick={of.retry}>Try now</Button>}>
      <strong>Not up to date.</strong> {detail} <Countdown of={of} />
    </Notice>
  );
}

function Countdown({ of }: { of: Missing }): JSX.Element | null {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const look = () => setLeft(Math.max(0, Math.ceil((of.retryAt.value - Date.now()) / 1000)));
    look();
    const timer = setInterval(look, 500);
    return () => clearInterval(timer);
  }, []);
  return left ? <span class="muted">Tried again in {left} s.</span> : null;
}
