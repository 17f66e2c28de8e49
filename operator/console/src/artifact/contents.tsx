/** What takes the space: by distribution, by folder, and a file by its name. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { ArtifactContents, PackedDistribution, PackedFile } from "../api/schema";
import { bytes } from "../state/clock";
import { Icon } from "../ui/icons";
import { Button } from "../ui/parts";
import { entriesIn, findFiles, type Entry } from "./files";
import { NotRead, useContents, type Which } from "./reading";

const FIRST = 12; // distributions, before more are asked for
const MORE = 200;
const MOST_FOUND = 200;
const MOST_IN_FOLDER = 200;

export function Contents({ which, unpacked }: { which: Which; unpacked: number }): JSX.Element {
  const reading = useContents(which);
  if (!reading.data) return <NotRead reading={reading} what="the ZIP's directory" />;
  return (
    <>
      <Distributions contents={reading.data} unpacked={unpacked} />
      <Files files={reading.data.files} />
    </>
  );
}

function Distributions({ contents, unpacked }: { contents: ArtifactContents; unpacked: number }): JSX.Element {
  const [most, setMost] = useState(FIRST);
  const { distributions } = contents;
  const shown = distributions.slice(0, most);
  const rest = distributions.length - shown.length;
  return (
    <section class="card" aria-labelledby="space-heading">
      <h2 id="space-heading">What takes the space</h2>
      <table class="data space">
        <thead>
          <tr>
            <th scope="col">Package</th>
            <th scope="col">Share of the files, unpacked</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col" class="number">
              Files
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <Taken key={one.name} one={one} unpacked={unpacked} />
          ))}
        </tbody>
      </table>
      {rest > 0 && (
        <Button onClick={() => setMost(most + MORE)}>
          Show {Math.min(rest, MORE)} of {rest.toLocaleString()} more
        </Button>
      )}
    </section>
  );
}

function Taken({ one, unpacked }: { one: PackedDistribution; unpacked: number }): JSX.Element {
  const share = unpacked ? Math.round((one.bytes / unpacked) * 100) : 0;
  return (
    <tr>
      <th scope="row">
        {one.name} <span class="muted">{one.version}</span>
      </th>
      <td class="taken">
        <meter min={0} max={Math.max(unpacked, one.bytes, 1)} value={one.bytes} aria-label={`${one.name}: ${bytes(one.bytes)}`} />
        <span class="muted">{share < 1 ? "<1 %" : `${Math.min(share, 100)} %`}</span>
      </td>
      <td class="number">{bytes(one.bytes)}</td>
      <td class="number files">{one.files.toLocaleString()}</td>
    </tr>
  );
}

function Files({ files }: { files: PackedFile[] }): JSX.Element {
  const [words, setWords] = useState("");
  const roots = useMemo(() => entriesIn(files, 0, files.length, 0), [files]);
  return (
    <section class="card" aria-labelledby="files-heading">
      <header class="row-head files-head">
        <h2 id="files-heading">Files</h2>
        <div class="search-box">
          <Icon name="search" />
          <input type="search" aria-label="Find a file" placeholder="Find a file" spellcheck={false} autocomplete="off" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        </div>
      </header>
      {words.trim() ? <Found files={files} words={words} /> : <Level files={files} entries={roots} depth={0} />}
    </section>
  );
}

function Found({ files, words }: { files: PackedFile[]; words: string }): JSX.Element {
  const { found, count } = useMemo(() => findFiles(files, words, MOST_FOUND), [files, words]);
  return (
    <>
      <p class="muted" role="status">
        {count === 1 ? "1 file" : `${count.toLocaleString()} files`}
        {count > found.length && `, of which the first ${found.length} are shown`}
      </p>
      <ul class="tree">
        {found.map((file) => (
          <li key={file.path}>
            <span class="leaf path">{file.path}</span>
            <Sizes size={file.size} compressed={file.compressed} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** What lies in one folder. */
function Level({ files, entries, depth }: { files: PackedFile[]; entries: Entry[]; depth: number }): JSX.Element {
  const [most, setMost] = useState(MOST_IN_FOLDER);
  const rest = entries.length - most;
  return (
    <ul class="tree">
      {entries.slice(0, most).map((one) => (
        <Node key={one.name} files={files} entry={one} depth={depth + one.name.length} />
      ))}
      {rest > 0 && (
        <li>
          <button type="button" class="link" onClick={() => setMost(most * 5)}>
            Show more of {rest.toLocaleString()} others
          </button>
        </li>
      )}
    </ul>
  );
}

function Node({ files, entry, depth }: { files: PackedFile[]; entry: Entry; depth: number }): JSX.Element {
  const [open, setOpen] = useState(false);
  const inside = useMemo(() => (open ? entriesIn(files, entry.from, entry.end, depth) : []), [files, entry, open]);
  const { name, size, compressed } = entry;
  return (
    <li>
      {entry.files ? (
        <button type="button" class="folder" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="chevronDown" />
          <span class="path">{name}</span>
          <span class="muted">{entry.files === 1 ? "1 file" : `${entry.files.toLocaleString()} files`}</span>
        </button>
      ) : (
        <span class="leaf path">{name}</span>
      )}
      <Sizes size={size} compressed={compressed} />
      {open && <Level files={files} entries={inside} depth={depth} />}
    </li>
  );
}

const Sizes = ({ size, compressed }: { size: number; compressed: number }) => (
  <span class="sizes">
    {bytes(size)} <span class="muted">{bytes(compressed)} in the ZIP</span>
  </span>
);
