/** The whole list as a requirements.txt, read by the API when it is left. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Problem } from "../api/client";
import type { ParsedLine } from "../api/schema";
import { Button, Notice } from "../ui/parts";
import type { Editing } from "./draft";
import { readText } from "./reading";

export function TextView({ editing, readOnly, onDone }: { editing: Editing; readOnly: boolean; onDone: () => void }): JSX.Element {
  const before = editing.draft.value.entries.map((one) => one.text).join("\n");
  const [text, setText] = useState(before);
  const [faults, setFaults] = useState<ParsedLine[]>([]);
  const [problem, setProblem] = useState("");
  const apply = async () => {
    setProblem("");
    try {
      const read = await readText(text, editing.draft.value);
      setFaults(read.faults);
      if (read.faults.length) return;
      editing.change({ entries: read.entries });
      onDone();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error.detail);
    }
  };
  return (
    <div class="text-view">
      <textarea
        aria-label="Dependencies as requirements.txt"
        rows={Math.min(24, Math.max(8, text.split("\n").length + 1))}
        value={text}
        readOnly={readOnly}
        spellcheck={false}
        aria-invalid={faults.length > 0}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {problem && (
        <Notice tone="bad" role="alert">
          {problem}
        </Notice>
      )}
      {faults.length > 0 && (
        <Notice tone="bad" role="alert">
          <ul>
            {faults.map((one) => (
              <li key={one.line}>
                Line {one.line}: {[one.message, one.hint].filter(Boolean).join(" ")}
              </li>
            ))}
          </ul>
        </Notice>
      )}
      {!readOnly && text !== before && (
        <div class="actions">
          <Button kind="primary" onClick={() => void apply()}>
            Apply
          </Button>
          <Button onClick={() => setText(before)}>Discard</Button>
        </div>
      )}
    </div>
  );
}
