/** The list of dependencies: a table with version dropdowns, or the same as text. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RestValidationError } from "../api/schema";
import { session } from "../state/session";
import { useKeys } from "../ui/keys";
import { Button, IconButton } from "../ui/parts";
import { useCopied } from "../ui/slug";
import { Conflicts } from "./conflicts";
import type { Editing, Entry } from "./draft";
import { Import } from "./import";
import { Misfits } from "./misfits";
import { prereleases } from "./projects";
import { readEntries } from "./reading";
import { Row } from "./row";
import { Search } from "./search";
import { TextView } from "./text";

interface Props {
  editing: Editing;
  namespace: string;
  readOnly: boolean;
  errors: RestValidationError[];
  /** Whether versions are those of an index that only the build reaches. */
  ownIndex: boolean;
}

export function Dependencies({ editing, namespace, readOnly, errors, ownIndex }: Props): JSX.Element {
  const [asText, setAsText] = useState(false);
  const [importing, setImporting] = useState(false);
  const box = useRef<HTMLInputElement | null>(null);
  const { entries } = editing.draft.value;
  const limit = session.who.value!.server.limits.dependencies;
  useEffect(() => void readEntries(editing), [editing, entries]);
  useKeys({
    a: () => box.current?.focus(),
    i: () => !readOnly && setImporting(true),
    t: () => setAsText(!asText),
  });
  return (
    <section class="card dependencies" aria-labelledby="dependencies-heading">
      <header class="dependencies-head">
        <h2 id="dependencies-heading">Dependencies</h2>
        <span class={`tally ${entries.length > limit ? "too-many" : ""}`}>
          {entries.length} of {limit}
        </span>
        {!asText && !ownIndex && entries.length > 0 && (
          <label class="check" title="Also in the dropdowns: alphas, betas, release candidates">
            <input type="checkbox" checked={prereleases.value} onChange={(event) => (prereleases.value = event.currentTarget.checked)} /> Show pre-releases
          </label>
        )}
        <div class="actions">
          {!readOnly && (
            <>
              <IconButton icon="undo" label="Undo" disabled={!editing.canUndo.value} onClick={editing.undo} />
              <IconButton icon="redo" label="Redo" disabled={!editing.canRedo.value} onClick={editing.redo} />
              <Button icon="upload" onClick={() => setImporting(true)}>
                Import
              </Button>
            </>
          )}
          <Export entries={entries} />
          <div class="segments" role="group" aria-label="View">
            <button type="button" aria-pressed={!asText} onClick={() => setAsText(false)}>
              Table
            </button>
            <button type="button" aria-pressed={asText} onClick={() => setAsText(true)}>
              Text
            </button>
          </div>
        </div>
      </header>
      <Conflicts editing={editing} />
      {ownIndex && <p class="muted small">This package has an index of its own: its versions are checked at Validate.</p>}
      {!ownIndex && <Misfits draft={editing.draft.value} />}
      {!readOnly && !asText && <Search editing={editing} namespace={namespace} box={box} />}
      {asText ? <TextView editing={editing} readOnly={readOnly} onDone={() => setAsText(false)} /> : <List {...{ editing, readOnly, errors, ownIndex }} />}
      {importing && <Import editing={editing} onClose={() => setImporting(false)} />}
    </section>
  );
}

function Export({ entries }: { entries: Entry[] }): JSX.Element {
  const [copied, copy] = useCopied();
  const text = entries.map((one) => `${one.text}\n`).join("");
  return (
    <Button icon={copied ? "check" : "copy"} disabled={!entries.length} onClick={() => copy(text, "the list")} title="Copy as requirements.txt">
      {copied ? "Copied" : "Export"}
    </Button>
  );
}

function List({ editing, readOnly, errors, ownIndex }: Omit<Props, "namespace">): JSX.Element {
  const { entries } = editing.draft.value;
  if (!entries.length) return <p class="none-yet muted">No dependencies yet. Search for one, or import a requirements.txt.</p>;
  const faulty = new Set(errors.flatMap((one) => [one.requirement, one.index === null || one.index === undefined ? null : entries[one.index]?.text]));
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="List of dependencies">
      <table class="dependency-table" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Package</th>
            <th scope="col" role="columnheader">Major</th>
            <th scope="col" role="columnheader">Minor</th>
            <th scope="col" role="columnheader">Build</th>
            <th scope="col" role="columnheader">Version spec</th>
            <th scope="col" role="columnheader">State</th>
            <th scope="col" role="columnheader">
              <span class="unseen">Remove</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {entries.map((one, index) => (
            <Row
              key={one.key}
              editing={editing}
              entry={one}
              number={index + 1}
              readOnly={readOnly}
              ownIndex={ownIndex}
              fault={!editing.changed.value && (faulty.has(one.text) || faulty.has(one.parsed?.requirement))}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}
