/** Releases of projects, asked for once each, a few at a time. */
import { signal } from "@preact/signals";
import { call, Problem } from "../api/client";
import type { IndexProject } from "../api/schema";
import type { Draft } from "./draft";

export type Look = { is: "asking" } | { is: "known"; project: IndexProject } | { is: "none"; problem: Problem };
export type Target = Pick<Draft, "python" | "architecture" | "glibc">;

/** Whether dropdowns show pre-releases; in this tab, for all packages. */
export const prereleases = signal(false);

/** Half of what a browser opens to a host, so that nobody waits for 200 rows before what they have clicked is asked for. */
const AT_ONCE = 3;
const KEPT = 500;
const TOLD_EACH = 50; // milliseconds
const known = new Map<string, Look>();
/** How often rows were told that more is known: all of them look again, so not for each answer. */
const told = signal(0);
let timer = 0;
const waiting: (() => Promise<void>)[] = [];
let asking = 0;

const keyOf = (name: string, target: Target, all = prereleases.value) => [name, target.python, target.architecture, target.glibc, all].join(" ");

/** What is known of it; asks when nothing is. */
export function lookAt(name: string, target: Target): Look {
  const key = keyOf(name, target);
  told.value; // read, so that this row is told, too
  const found = known.get(key);
  if (!found) queueMicrotask(() => begin(key, name, target));
  if (found && found.is !== "asking") return found;
  // Until pre-releases are there, the others are.
  return known.get(keyOf(name, target, false)) ?? { is: "asking" };
}

/** The same, waited for. */
export async function projectOf(name: string, target: Target): Promise<IndexProject | null> {
  const key = keyOf(name, target);
  for (;;) {
    const found = known.get(key);
    if (found?.is === "known") return found.project;
    if (found?.is === "none") return null;
    if (!found) begin(key, name, target);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function begin(key: string, name: string, target: Target): void {
  if (known.has(key)) return;
  known.set(key, { is: "asking" });
  waiting.push(async () => {
    const query = { python_version: target.python, architecture: target.architecture, glibc: target.glibc, prereleases: key.endsWith(" true") };
    try {
      note(key, { is: "known", project: await call("GET /index/projects/{name}", { path: { name }, query: query as never }) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      note(key, { is: "none", problem: error });
    }
  });
  next();
}

function next(): void {
  const ask = asking < AT_ONCE ? waiting.shift() : undefined;
  if (!ask) return;
  asking++;
  void ask().finally(() => {
    asking--;
    next();
  });
}

function note(key: string, look: Look): void {
  known.set(key, look);
  if (known.size > KEPT) known.delete(known.keys().next().value!);
  timer ||= window.setTimeout(() => {
    timer = 0;
    told.value++;
  }, TOLD_EACH);
}
