/** A log that is being read: where the connection breaks it goes on at the byte after the last one that came. */
import { signal } from "@preact/signals";
import { Problem, unreachable } from "../api/client";
import { append, mark, NO_LANDMARKS, NO_LINES, type Landmarks, type Lines } from "./lines";

/** Where a log comes from. */
export interface Source {
  /** Asks for it without its first bytes; with `follow` the answer goes on while the log grows. */
  ask(from: number, follow: boolean, signal: AbortSignal): Promise<Response>;
}

export type LogState = "asking" | "reading" | "following" | "broken" | "ended";

const DRAWN_EACH = 100; // milliseconds
const LOOK_SECONDS = 3; // where no stream can be had
const LONGEST_PAUSE = 30;
const END_SECONDS = 5; // from the end of what is logged to the end of its stream

export class Log {
  readonly lines = signal<Lines>(NO_LINES);
  readonly landmarks = signal<Landmarks>(NO_LANDMARKS);
  readonly state = signal<LogState>("asking");
  /** Why there is nothing, or nothing more. */
  readonly problem = signal<Problem | null>(null);
  private readonly ending = new AbortController();
  private connection = new AbortController();
  private readonly decoder = new TextDecoder();
  private bytes = 0;
  private rest = "";
  private waiting: string[] = [];
  private timer = 0;

  constructor(
    private readonly source: Source,
    private growing: boolean,
  ) {
    void this.read();
  }

  /** What is logged has ended, so its stream should end, too: one that doesn't is of a connection that is lost. */
  finish(): void {
    if (!this.growing) return;
    this.growing = false;
    const open = this.connection;
    setTimeout(() => open.abort(), END_SECONDS * 1000);
  }

  close(): void {
    this.ending.abort();
    this.connection.abort();
    clearTimeout(this.timer);
  }

  private async read(): Promise<void> {
    let failures = 0;
    let follow = true;
    while (!this.ending.signal.aborted) {
      const before = this.bytes;
      try {
        const followed = follow && this.growing;
        await this.answer(followed);
        if (followed || !this.growing) return this.end();
        await pause(LOOK_SECONDS, this.ending.signal);
      } catch (error) {
        if (this.ending.signal.aborted) return;
        const problem = error instanceof Problem ? error : null;
        if (!problem && !this.connection.signal.aborted) throw error;
        const early = problem?.code === "NoLog" && this.growing;
        if (problem && !problem.passing && !early) return this.end(problem);
        // As many streams as there may be: it is looked at now and then.
        if (problem && problem.status !== 0) follow = false;
        failures = this.bytes > before ? 0 : failures + 1;
        if (!early) this.state.value = "broken";
        await pause(problem?.retryAfter || Math.min(LONGEST_PAUSE, 2 ** Math.min(failures, 5) / 2), this.ending.signal);
      }
    }
  }

  /** Takes one answer to its end. */
  private async answer(follow: boolean): Promise<void> {
    this.connection = new AbortController();
    const { signal } = this.connection;
    const reader = (await this.source.ask(this.bytes, follow, signal)).body!.getReader();
    this.state.value = this.growing ? "following" : "reading";
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw unreachable();
      });
      if (done) return;
      this.bytes += value.length;
      this.take(this.decoder.decode(value, { stream: true }));
    }
  }

  private take(text: string): void {
    const found = (this.rest + text).split("\n");
    this.rest = found.pop()!;
    for (const line of found) this.waiting.push(line);
    this.timer ||= window.setTimeout(this.draw, DRAWN_EACH);
  }

  /** Tells of all lines so far, ten times a second at most. */
  private draw = () => {
    clearTimeout(this.timer);
    this.timer = 0;
    const found = this.waiting;
    this.waiting = [];
    if (!found.length) return;
    this.landmarks.value = mark(this.landmarks.value, found, this.lines.value.count + 1);
    this.lines.value = append(this.lines.value, found);
  };

  private end(problem: Problem | null = null): void {
    this.take(this.decoder.decode());
    if (this.rest) this.waiting.push(this.rest);
    this.rest = "";
    this.draw();
    this.problem.value = problem;
    this.state.value = "ended";
  }
}

/** Waits so long, less where the browser is back on the network. */
function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
