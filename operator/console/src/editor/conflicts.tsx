/** The amber banner: which version of a package stays, that of the list or that of the import. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { announce } from "../ui/announcer";
import { Icon } from "../ui/icons";
import { Button } from "../ui/parts";
import type { Conflict, Editing, Entry } from "./draft";

const words = (spec: string) => spec || "any version";

export function Conflicts({ editing }: { editing: Editing }): JSX.Element | null {
  const { conflicts } = editing.draft.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const count = conflicts.length;
  useEffect(() => {
    if (count) heading.current?.focus();
  }, [count]);
  if (!count) return null;
  const settle = (settled: Conflict[], use: boolean) => {
    const names = new Map(settled.map((one) => [one.name, one]));
    const replaced = (one: Entry): Entry => {
      const found = use && one.parsed ? names.get(one.parsed.name) : undefined;
      return found ? { ...one, text: found.incoming.requirement, parsed: found.incoming, before: null } : one;
    };
    editing.change({
      entries: editing.draft.value.entries.map(replaced),
      conflicts: conflicts.filter((one) => !names.has(one.name)),
    });
    announce(`${settled.map((one) => one.name).join(", ")}: ${use ? "incoming" : "existing"} version. ${count - settled.length} left`);
  };
  return (
    <section class="conflicts" aria-labelledby="conflicts-heading">
      <header>
        <Icon name="alert" />
        <h3 id="conflicts-heading" tabIndex={-1} ref={heading}>
          {count === 1 ? "1 version conflict" : `${count} version conflicts`}
        </h3>
        <div class="actions">
          <Button onClick={() => settle(conflicts, false)}>Keep All Existing</Button>
          <Button onClick={() => settle(conflicts, true)}>Use All Incoming</Button>
        </div>
      </header>
      <ul>
        {conflicts.map((one) => (
          <li key={one.name}>
            <strong>{one.name}</strong>
            <span>
              existing <code>{words(one.existing.version_spec)}</code>
            </span>
            <span>
              incoming <code>{words(one.incoming.version_spec)}</code>
            </span>
            <div class="actions">
              <Button title={`Keep ${words(one.existing.version_spec)} for ${one.name}`} onClick={() => settle([one], false)}>
                Keep existing
              </Button>
              <Button title={`Use ${words(one.incoming.version_spec)} for ${one.name}`} onClick={() => settle([one], true)}>
                Use incoming
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
