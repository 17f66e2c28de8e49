/** A log as it comes: followed, searched, with an address for each of its lines. Blocks that are out of sight cost nothing. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/client";
import { address, go } from "../state/route";
import { useKeys } from "../ui/keys";
import { Notice, ProblemText } from "../ui/parts";
import { Block } from "./block";
import { blockOf, find, firstOf, hashOf, rangeOf, type Lines, type Range } from "./lines";
import { Log, type Source } from "./log";
import { FindBar, Tools } from "./tools";

const NEAR = 40; // pixels from the end that still follow
const MARGIN = "400px"; // around what is to be seen

interface Props {
  source: Source;
  /** Tells one log from another. */
  id: string;
  /** Whether it still grows. */
  growing: boolean;
  /** What it is called, such as "Log of build". */
  label: string;
  /** What it is kept as. */
  file: string;
  /** What is said until its first line has come. */
  waiting?: string;
  /** Shown where there is none. */
  none: (problem: Problem) => ComponentChildren;
  /** Chooses another one. */
  children?: ComponentChildren;
}

export function LogViewer({ source, id, growing, label, file, waiting = "Waiting for the log…", none, children }: Props): JSX.Element {
  const log = useMemo(() => new Log(source, growing), [id]);
  useEffect(() => () => log.close(), [log]);
  useEffect(() => void (growing || log.finish()), [log, growing]);
  const [words, setWords] = useState("");
  const [wrap, setWrap] = useState(false);
  const lines = log.lines.value;
  const range = useMemo(() => rangeOf(address.value.hash), [address.value.hash]);
  const place = usePlace(lines, range);
  const hits = useMemo(() => find(lines, words), [lines, words]);
  const point = (to: Range) => {
    place.setFollow(false);
    go(`${address.value.pathname}${address.value.search}${hashOf(to)}`, { replace: true });
    place.show(to.from);
  };
  useKeys({ f: () => place.setFollow(!place.follow), w: () => setWrap(!wrap) });
  const picked = (event: MouseEvent) => {
    const number = Number((event.target as HTMLElement).dataset.number);
    if (!number || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    point(event.shiftKey && range ? { from: Math.min(range.from, number), to: Math.max(range.to, number) } : { from: number, to: number });
  };
  const problem = log.problem.value;
  if (problem && !lines.count) {
    return (
      <section class="logs card" aria-label={label}>
        <div class="log-tools">{children}</div>
        {none(problem)}
      </section>
    );
  }
  return (
    <section class="logs card" aria-label={label}>
      <Tools {...{ log, source, file, waiting, range, wrap, setWrap, follow: place.follow, setFollow: place.setFollow }}>{children}</Tools>
      <FindBar words={words} onWords={setWords} hits={hits} at={range?.from ?? 0} landmarks={log.landmarks.value} onGo={(line) => point({ from: line, to: line })} />
      {problem && (
        <Notice tone="warn" role="alert">
          The rest of the log can't be had. <ProblemText problem={problem} />
        </Notice>
      )}
      {firstOf(lines) > 1 && (
        <Notice tone="info">
          The first {(firstOf(lines) - 1).toLocaleString()} lines are left out here, because the log is so long. <em>Download</em> has them all.
        </Notice>
      )}
      {range && log.state.value === "ended" && !blockOf(lines, range.from) && <Notice tone="info">This log has no line {range.from.toLocaleString()}.</Notice>}
      <div class="log-holder">
        <div ref={place.box} class={`log ${wrap ? "wrap" : ""}`} role="log" aria-live="off" tabIndex={0} aria-label={label} onScroll={place.scrolled} onClick={picked}>
          {lines.blocks.map((block) => (
            <Block key={block.first} block={block} near={place.near.has(block.first)} words={words.toLowerCase()} range={range} watch={place.watch} />
          ))}
        </div>
        {place.fresh > 0 && log.state.value !== "ended" && (
          <button type="button" class="button primary log-fresh" onClick={() => place.setFollow(true)}>
            {place.fresh === 1 ? "1 new line" : `${place.fresh.toLocaleString()} new lines`} ↓
          </button>
        )}
      </div>
    </section>
  );
}

interface Place {
  box: { current: HTMLDivElement | null };
  /** First lines of the blocks that are to be seen, or were. */
  near: ReadonlySet<number>;
  watch: (element: HTMLElement | null) => void;
  follow: boolean;
  setFollow: (on: boolean) => void;
  /** Lines that have come since it was followed. */
  fresh: number;
  scrolled: () => void;
  show: (line: number) => void;
}

/** What of the log is to be seen. */
function usePlace(lines: Lines, range: Range | null): Place {
  const box = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState<ReadonlySet<number>>(new Set());
  const [follow, setFollow] = useState(range === null);
  const [aim, setAim] = useState<number | null>(range?.from ?? null);
  const seen = useRef(0);
  if (follow || lines.count < seen.current) seen.current = lines.count;
  const watcher = useMemo(() => watching((found) => setNear((before) => new Set([...before, ...found]))), []);
  useEffect(() => () => watcher.stop(), []);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow, near]);
  useLayoutEffect(() => {
    const block = aim === null ? null : blockOf(lines, aim);
    if (!block || !box.current) return;
    if (!near.has(block.first)) return setNear(new Set([...near, block.first]));
    toMiddle(box.current, aim!);
    setAim(null);
    if (!follow) seen.current = lines.count;
  }, [aim, lines, near]);
  const top = useRef(0);
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    const up = scrollTop < top.current;
    top.current = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR) setFollow(true);
    else if (up) setFollow(false);
  };
  return { box, near, watch: watcher.watch, follow, setFollow, fresh: lines.count - seen.current, scrolled, show: setAim };
}

/** Tells which blocks come near; none is forgotten, so that a selection that goes through them stays. */
function watching(tell: (found: number[]) => void): { watch: (element: HTMLElement | null) => void; stop: () => void } {
  let observer: IntersectionObserver | null = null;
  const seen = (entries: IntersectionObserverEntry[]) => {
    const found = entries.filter((one) => one.isIntersecting).map((one) => Number((one.target as HTMLElement).dataset.first));
    for (const one of entries) if (one.isIntersecting) observer!.unobserve(one.target);
    if (found.length) tell(found);
  };
  return {
    watch: (element) => {
      if (!element) return;
      observer ??= new IntersectionObserver(seen, { root: element.closest(".log"), rootMargin: MARGIN });
      observer.observe(element);
    },
    stop: () => observer?.disconnect(),
  };
}

/** Heights of what was never drawn are guessed, so it is looked twice. */
function toMiddle(box: HTMLElement, line: number): void {
  const scroll = () => {
    const element = box.querySelector(`[data-line="${line}"]`);
    if (!element) return;
    const { top, height } = element.getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    box.scrollTop += top - frame.top - (frame.height - height) / 2;
  };
  scroll();
  requestAnimationFrame(scroll);
}
