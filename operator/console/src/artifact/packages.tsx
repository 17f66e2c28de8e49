/** The packages of a ZIP: version, licence, size, wheel and hash, and whether the list asks for it itself. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Problem } from "../api/client";
import { bytes } from "../state/clock";
import { query, setQuery } from "../state/route";
import { toast } from "../state/toasts";
import { CopyValue } from "../ui/copy";
import { Icon } from "../ui/icons";
import { Button } from "../ui/parts";
import { saveText } from "../ui/save";
import { NotRead, readPylock, useBill, useContents, useLock, type Which } from "./reading";
import { COLUMNS, isSort, licencesIn, rowsOf, select, type Column, type Row, type Sort } from "./rows";

const KINDS: [string, string][] = [
  ["", "All"],
  ["direct", "Direct"],
  ["transitive", "Transitive"],
];

export function Packages({ which, etag }: { which: Which; etag: string }): JSX.Element {
  const reading = useLock(which, etag);
  const contents = useContents(which).data;
  const bill = useBill(which).data;
  const [words, setWords] = useState("");
  const asked = query.value.get("sort") ?? "";
  const sort: Sort = isSort(asked) ? asked : "name";
  const kind = query.value.get("kind") ?? "";
  const rows = useMemo(() => (reading.data ? rowsOf(reading.data, contents, licencesIn(bill)) : []), [reading.data, contents, bill]);
  const found = useMemo(() => select(rows, words, kind, sort), [rows, words, kind, sort]);
  if (!reading.data) return <NotRead reading={reading} what="the lock" />;
  return (
    <section class="card" aria-labelledby="locked-heading">
      <header class="row-head">
        <h2 id="locked-heading">Packages</h2>
        <span class="tally" role="status">
          {found.length === rows.length ? rows.length.toLocaleString() : `${found.length.toLocaleString()} of ${rows.length.toLocaleString()}`}
        </span>
        <div class="search-box">
          <Icon name="search" />
          <input type="search" aria-label="Filter packages" placeholder="Name, licence, wheel" spellcheck={false} autocomplete="off" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        </div>
        <div class="segments" role="group" aria-label="Asked for">
          {KINDS.map(([value, text]) => (
            <button key={value} type="button" aria-pressed={kind === value} onClick={() => setQuery({ kind: value })}>
              {text}
            </button>
          ))}
        </div>
        <Button icon="download" onClick={() => void savePylock(which)}>
          pylock.toml
        </Button>
      </header>
      {found.length ? <Table rows={found} sort={sort} /> : <p class="muted">No package matches.</p>}
    </section>
  );
}

async function savePylock(which: Which): Promise<void> {
  try {
    saveText(await readPylock(which), "pylock.toml", "application/toml");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast("error", error.detail);
  }
}

function Table({ rows, sort }: { rows: Row[]; sort: Sort }): JSX.Element {
  return (
    <table class="data locked">
      <thead>
        <tr>
          {(Object.keys(COLUMNS) as Column[]).map((column) => (
            <Head key={column} column={column} sort={sort} />
          ))}
          <th scope="col">Wheel</th>
          <th scope="col">SHA-256</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Line key={row.name} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Head({ column, sort }: { column: Column; sort: Sort }): JSX.Element {
  const now = sort === column ? "ascending" : sort === `-${column}` ? "descending" : "none";
  const next = now === "ascending" ? `-${column}` : column;
  return (
    <th scope="col" class={column === "bytes" ? "number" : ""} aria-sort={now}>
      <button type="button" class="sort-by" onClick={() => setQuery({ sort: next === "name" ? "" : next })}>
        {COLUMNS[column]}
        {now !== "none" && <span aria-hidden="true">{now === "ascending" ? "↑" : "↓"}</span>}
      </button>
    </th>
  );
}

const Line = ({ row }: { row: Row }) => (
  <tr>
    <th scope="row">
      {row.name} <span class="muted">{row.version}</span>
    </th>
    <td class="licence">{row.licence || <span class="muted">not told</span>}</td>
    <td class="number">{bytes(row.bytes)}</td>
    <td>
      <span class="tag">{row.direct ? "direct" : "transitive"}</span>
    </td>
    <td class="wheel">
      <code>{row.wheel}</code>
    </td>
    <td>{row.sha256 && <CopyValue text={row.sha256} shown={`${row.sha256.slice(0, 8)}…`} name={`SHA-256 of ${row.name}`} />}</td>
  </tr>
);
