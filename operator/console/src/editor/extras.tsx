/** The extras of a dependency, as chips. Which ones a project has stands in no index, so any may be written. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ParsedDependency } from "../api/schema";
import { toast } from "../state/toasts";
import { Icon } from "../ui/icons";
import type { Editing, Entry } from "./draft";
import { parse } from "./reading";
import { withSpec } from "./versions";

interface Props {
  editing: Editing;
  entry: Entry;
  parsed: ParsedDependency;
  readOnly: boolean;
}

export function Extras({ editing, entry, parsed, readOnly }: Props): JSX.Element {
  const [adding, setAdding] = useState(false);
  const { name, extras, url } = parsed;
  const fixed = readOnly || Boolean(url);
  const change = async (wanted: string[]) => {
    const { lines } = await parse(withSpec({ ...parsed, extras: wanted }, parsed.version_spec), editing.draft.value, []);
    const read = lines[0]?.dependency;
    if (read) editing.changeEntry(entry.key, { text: read.requirement, parsed: read });
    else toast("error", lines[0]?.message ?? "This is no extra.");
  };
  const add = (event: Event) => {
    event.preventDefault();
    const written = new FormData(event.currentTarget as HTMLFormElement).get("extra")?.toString().trim();
    setAdding(false);
    if (written) void change([...extras, written]);
  };
  return (
    <span class="extras">
      {extras.map((extra) => (
        <span class="tag" key={extra}>
          {extra}
          {!fixed && (
            <button type="button" title={`Remove extra ${extra} of ${name}`} aria-label={`Remove extra ${extra} of ${name}`} onClick={() => void change(extras.filter((one) => one !== extra))}>
              <Icon name="cross" />
            </button>
          )}
        </span>
      ))}
      {adding && (
        <form onSubmit={add} onKeyDown={(event) => event.key === "Escape" && setAdding(false)}>
          <input name="extra" ref={(element) => element?.focus()} aria-label={`Extra of ${name}`} placeholder="extra, Enter" size={10} maxLength={100} autocomplete="off" spellcheck={false} onBlur={(event) => event.currentTarget.value.trim() || setAdding(false)} />
        </form>
      )}
      {!fixed && !adding && (
        <button type="button" class="add-extra" title={`Add an extra of ${name}, such as those in square brackets of a requirements.txt`} aria-label={`Add an extra of ${name}`} onClick={() => setAdding(true)}>
          <Icon name="plus" />
        </button>
      )}
    </span>
  );
}
