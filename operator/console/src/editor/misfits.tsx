/** The line that tells how many dependencies have nothing for the target, and goes through them. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Button, Notice } from "../ui/parts";
import type { Draft, Entry } from "./draft";
import { lookAt } from "./projects";
import { fitsNothing, shownOf } from "./versions";

/** Those that are known to have none; the index may still be asked for others. */
function misfits(draft: Draft): Entry[] {
  return draft.entries.filter(({ parsed }) => {
    if (!parsed || parsed.url) return false;
    const look = lookAt(parsed.name, draft);
    return look.is === "known" && fitsNothing(shownOf(parsed, look.project), look.project);
  });
}

export function Misfits({ draft }: { draft: Draft }): JSX.Element | null {
  const last = useRef(0);
  const found = misfits(draft);
  if (!found.length) return null;
  const go = () => {
    const next = found[last.current++ % found.length]!;
    const row = document.querySelector(`[data-entry="${next.key}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.querySelector<HTMLElement>(":is(select, input, button):not(:disabled)")?.focus();
  };
  const target = `Python ${draft.python} on ${draft.architecture}`;
  const names = found.slice(0, 3).map((one) => one.parsed!.name).join(", ");
  return (
    <Notice tone="warn" role="status" action={<Button onClick={go}>{found.length === 1 ? "Go to it" : "Go to the next"}</Button>}>
      {found.length === 1 ? `1 dependency has no release for ${target}: ` : `${found.length} dependencies have no release for ${target}: `}
      {names}
      {found.length > 3 && ", …"}
    </Notice>
  );
}
