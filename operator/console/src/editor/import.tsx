/** Importing a requirements.txt: read by the API, shown line by line, then merged. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Problem } from "../api/client";
import type { ParseResponse } from "../api/schema";
import { toast } from "../state/toasts";
import { Dialog } from "../ui/dialog";
import { Button, Notice, ProblemText } from "../ui/parts";
import { entry, type Editing } from "./draft";
import { parse } from "./reading";

const WAIT = 120; // milliseconds after the last key
const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

export function Import({ editing, onClose }: { editing: Editing; onClose: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [read, setRead] = useState<ParseResponse | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [behind, setBehind] = useState(false);
  const turn = useRef(0);
  const look = async (given: string) => {
    const mine = ++turn.current;
    setText(given);
    setProblem(null);
    setBehind(true);
    await new Promise((resolve) => setTimeout(resolve, WAIT));
    if (mine !== turn.current) return;
    try {
      const answer = given.trim() ? await parse(given, editing.draft.value, editing.draft.value.entries.map((one) => one.text)) : null;
      if (mine !== turn.current) return;
      setRead(answer);
      setBehind(false);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  };
  const file = async (files: FileList | null | undefined) => {
    const [first] = files ?? [];
    if (first) await look(await first.text());
  };
  const merge = () => {
    const kept = read!.lines.filter((line) => line.outcome === "kept");
    const found = read!.lines.filter((line) => line.outcome === "conflict");
    const others = editing.draft.value.conflicts.filter((one) => !found.some((line) => line.existing!.name === one.name));
    const more = {
      entries: [...editing.draft.value.entries, ...kept.map((line) => entry(line.dependency!.requirement, line.dependency))],
      conflicts: [...others, ...found.map((line) => ({ name: line.existing!.name, existing: line.existing!, incoming: line.incoming! }))],
    };
    if (kept.length || found.length) editing.change(more); // else there is nothing to undo
    const skipped = repeated(read!);
    const parts = [`${kept.length} added`, skipped && `${skipped} skipped`, found.length && plural(found.length, "conflict to settle", "conflicts to settle")];
    toast("info", `${parts.filter(Boolean).join(", ")}.`);
    onClose();
  };
  const blocked = behind || !read || (!read.summary.kept && !read.summary.conflicts && !repeated(read)) || read.summary.too_many > 0;
  return (
    <Dialog
      title="Import requirements.txt"
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={blocked} onClick={merge}>
            {read ? verb(read) : "Add"}
          </Button>
        </>
      }
    >
      <div
        class="drop"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void file(event.dataTransfer?.files);
        }}
      >
        <label for="import-text">Paste it here, drop a file, or choose one</label>
        <textarea id="import-text" rows={9} spellcheck={false} placeholder={"pandas>=2.0\nscikit-learn==1.4.0"} value={text} onInput={(event) => void look(event.currentTarget.value)} />
        <input type="file" accept=".txt,.in,text/plain" aria-label="Choose a requirements.txt" onChange={(event) => void file(event.currentTarget.files)} />
      </div>
      {problem && (
        <Notice tone="bad" role="alert">
          <ProblemText problem={problem} />
        </Notice>
      )}
      {read && <Lines read={read} />}
    </Dialog>
  );
}

/** What becomes of it, on the button that does it. */
function verb(read: ParseResponse): string {
  const { kept, conflicts } = read.summary;
  if (!kept && !conflicts && repeated(read)) return `Skip ${repeated(read)}`;
  return `Add ${kept}${conflicts ? `, settle ${conflicts} later` : ""}`;
}

/** Requirements that add nothing, unlike comments and options. */
const repeated = (read: ParseResponse) => read.lines.filter((line) => line.outcome === "skipped" && line.name).length;

function Lines({ read }: { read: ParseResponse }): JSX.Element {
  const { kept, conflicts, errors, too_many } = read.summary;
  const parts = [`${kept} to add`, `${repeated(read)} skipped`, plural(conflicts, "conflict", "conflicts"), plural(errors, "line that can't be used", "lines that can't be used")];
  return (
    <>
      <p role="status">
        <strong>{parts.join(" · ")}</strong>
      </p>
      {too_many > 0 && (
        <Notice tone="bad" role="alert">
          That is {too_many} more than a package may hold. Take some away, or split the package.
        </Notice>
      )}
      <ul class="import-lines" tabIndex={0} aria-label="Lines">
        {read.lines
          .filter((line) => line.outcome !== "skipped" || line.name || line.reason !== "comment")
          .map((line) => (
            <li key={line.line} class={line.outcome}>
              <span class="line-number">{line.line}</span>
              <code>{line.text}</code>
              <span class="line-outcome">{line.outcome === "kept" ? "added" : line.outcome}</span>
              <span class="line-why">{[line.message, line.hint, line.why, line.note].filter(Boolean).join(" ")}</span>
            </li>
          ))}
      </ul>
    </>
  );
}
