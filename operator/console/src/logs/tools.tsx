/** What stands above a log: how it is shown and kept, and what is looked for in it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/client";
import { toast } from "../state/toasts";
import { announce } from "../ui/announcer";
import { useKeys } from "../ui/keys";
import { Button, IconButton } from "../ui/parts";
import { saveFile } from "../ui/save";
import { useCopied } from "../ui/slug";
import { textOf, type Landmarks, type Range } from "./lines";
import type { Log, LogState, Source } from "./log";

const TOLD: Record<Exclude<LogState, "asking">, string> = {
  reading: "Loading…",
  following: "Running: new lines come by themselves",
  broken: "The connection broke: it goes on where it was as soon as the API answers",
  ended: "Ended",
};

interface ToolsProps {
  log: Log;
  source: Source;
  file: string;
  waiting: string;
  range: Range | null;
  follow: boolean;
  setFollow: (on: boolean) => void;
  wrap: boolean;
  setWrap: (on: boolean) => void;
  children: ComponentChildren;
}

export function Tools({ log, source, file, waiting, range, follow, setFollow, wrap, setWrap, children }: ToolsProps): JSX.Element {
  const [copied, copy] = useCopied();
  const { count } = log.lines.value;
  const state = log.state.value;
  const said = state === "asking" || (state === "following" && !count) ? waiting : TOLD[state];
  const part = range && (range.from === range.to ? `line ${range.from}` : `lines ${range.from} to ${range.to}`);
  return (
    <div class="log-tools">
      {children}
      <span class="muted log-state" role="status">
        {said}
      </span>
      <label class="check">
        <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} /> Follow
      </label>
      <label class="check">
        <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.currentTarget.checked)} /> Wrap
      </label>
      <Button
        icon={copied ? "check" : "copy"}
        disabled={!count}
        title={part ? `Copy ${part}` : "Copy all of it. A click on a line's number, and one with Shift, choose a part"}
        onClick={() => void copy(textOf(log.lines.value, range?.from, range?.to), part ?? "the log")}
      >
        {part ? `Copy ${part}` : "Copy all"}
      </Button>
      <Button icon="download" disabled={!count} title="All of it, as the API has it" onClick={() => void save(source, file)}>
        Download
      </Button>
    </div>
  );
}

/** All of it, also what is not shown here. */
async function save(source: Source, file: string): Promise<void> {
  try {
    const answer = await source.ask(0, false, new AbortController().signal);
    saveFile(await answer.blob(), file);
  } catch (error) {
    toast("error", error instanceof Problem ? error.detail : "The connection broke before the whole log had come. Try again.");
  }
}

interface FindProps {
  words: string;
  onWords: (words: string) => void;
  /** Numbers of the lines that have them. */
  hits: readonly number[];
  /** The line that is pointed at. */
  at: number;
  landmarks: Landmarks;
  onGo: (line: number) => void;
}

const WAIT = 150; // milliseconds after the last key

export function FindBar({ words, onWords, hits, at, landmarks, onGo }: FindProps): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(words);
  useEffect(() => {
    const timer = setTimeout(() => onWords(text.trim()), WAIT);
    return () => clearTimeout(timer);
  }, [text]);
  const step = (back: boolean) => {
    if (!hits.length) return;
    const next = back ? hits.findLast((one) => one < at) ?? hits.at(-1)! : hits.find((one) => one > at) ?? hits[0]!;
    announce(`Line ${next}, ${hits.indexOf(next) + 1} of ${hits.length}`);
    onGo(next);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== "F3") return;
    event.preventDefault();
    event.stopPropagation();
    step(event.shiftKey);
  };
  useKeys({
    F3: (event) => (text ? step(event.shiftKey) : box.current?.focus()),
    "/": () => box.current?.focus(),
  });
  const place = hits.indexOf(at) + 1;
  const many = hits.length === 10_000 ? "10,000 or more" : hits.length.toLocaleString();
  return (
    <div class="log-find">
      <input ref={box} type="search" aria-label="Search the log" placeholder="Search the log" spellcheck={false} value={text} aria-keyshortcuts="F3" onInput={(event) => setText(event.currentTarget.value)} onKeyDown={keys} />
      {words && (
        <>
          <span role="status">{hits.length ? (place ? `${place.toLocaleString()} of ${many}` : `${many} ${hits.length === 1 ? "line" : "lines"}`) : "Not in this log"}</span>
          <IconButton icon="chevronUp" label="Previous line that has it" disabled={!hits.length} onClick={() => step(true)} />
          <IconButton icon="chevronDown" label="Next line that has it" disabled={!hits.length} onClick={() => step(false)} />
        </>
      )}
      <span class="log-landmarks">
        {landmarks.sections.map(({ name, line }) => (
          <button key={line} type="button" class="link" title={`Line ${line}`} onClick={() => onGo(line)}>
            {name}
          </button>
        ))}
        {landmarks.error !== null && (
          <button type="button" class="link log-error" title={`Line ${landmarks.error}`} onClick={() => onGo(landmarks.error!)}>
            First error
          </button>
        )}
      </span>
    </div>
  );
}
