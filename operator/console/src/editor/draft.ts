/** What somebody is editing: kept in this browser until it is saved, and undone step by step. */
import { computed, signal } from "@preact/signals";
import type { DepPackageResponse, ParsedDependency } from "../api/schema";
import { session } from "../state/session";

/** One dependency. Keyed by itself, because a list may hold a name twice, with different markers. */
export interface Entry {
  key: number;
  /** The requirement as it will be stored. */
  text: string;
  /** What the API reads in it; null until it was asked, and for what it can't read. */
  parsed: ParsedDependency | null;
  /** What is wrong with it. */
  fault: string | null;
  /** The specifier before it was switched to any version. */
  before: string | null;
}

export interface Conflict {
  name: string;
  existing: ParsedDependency;
  incoming: ParsedDependency;
}

export interface Draft {
  name: string;
  description: string;
  python: string;
  architecture: "amd64" | "arm64";
  glibc: string;
  entries: Entry[];
  conflicts: Conflict[];
}

interface Kept {
  draft: Draft;
  /** What it was begun on. */
  saved: Draft;
  etag: string | null;
  at: number;
}

const DAYS = 7;
const STEPS = 100;
/** Each user's own: a browser may be shared. */
const keyOf = (id: string) => `dagy.draft.${session.who.value?.username ?? ""}.${id}`;

let nextKey = 1;
export const entry = (text: string, parsed: ParsedDependency | null = null, fault: string | null = null): Entry => ({
  key: nextKey++,
  text,
  parsed,
  fault,
  before: null,
});

export const emptyDraft = (python: string): Draft => ({
  name: "",
  description: "",
  python,
  architecture: "amd64",
  glibc: "2.28",
  entries: [],
  conflicts: [],
});

export function draftOf(from: DepPackageResponse): Draft {
  return {
    name: from.display_name || from.name,
    description: from.description ?? "",
    python: from.python_version,
    architecture: from.platform?.architecture ?? "amd64",
    glibc: from.platform?.glibc ?? "2.28",
    entries: (from.dependencies ?? []).map((text) => entry(text)),
    conflicts: [],
  };
}

/** The part that is stored in the cluster; what was read of it and settled is no change. */
const stored = (draft: Draft) => JSON.stringify([draft.name, draft.description, draft.python, draft.architecture, draft.glibc, draft.entries.map((one) => one.text)]);

/** An editor's state. */
export class Editing {
  readonly draft;
  readonly saved;
  readonly changed;
  readonly canUndo;
  readonly canRedo;
  private readonly past = signal<Draft[]>([]);
  private readonly future = signal<Draft[]>([]);

  constructor(
    /** `namespace/name`, or "new". */
    private id: string,
    initial: Draft,
    private etag: string | null,
  ) {
    const kept = read(id);
    // One that was begun on an earlier state stays on it: it is merged when somebody looks, and never lost.
    if (kept) this.etag = kept.etag;
    this.saved = signal(kept?.saved ?? initial);
    this.draft = signal(kept ? renewed(kept.draft) : initial);
    this.changed = computed(() => stored(this.draft.value) !== stored(this.saved.value));
    this.canUndo = computed(() => this.past.value.length > 0);
    this.canRedo = computed(() => this.future.value.length > 0);
  }

  /** Changes something, which can be undone. */
  change(part: Partial<Draft>): void {
    this.past.value = [...this.past.value, this.draft.value].slice(-STEPS);
    this.future.value = [];
    this.settle(part);
  }

  /** Notes what was found out, which is nothing to undo. */
  settle(part: Partial<Draft>): void {
    this.draft.value = { ...this.draft.value, ...part };
    this.keep();
  }

  changeEntry(key: number, part: Partial<Entry>): void {
    this.change({ entries: this.draft.value.entries.map((one) => (one.key === key ? { ...one, ...part } : one)) });
  }

  /** ETag of the state that this was begun on; null before the first save. */
  get tag(): string | null {
    return this.etag;
  }

  undo = () => this.travel(this.past, this.future);
  redo = () => this.travel(this.future, this.past);

  private travel(from: typeof this.past, to: typeof this.past): void {
    const back = from.value.at(-1);
    if (!back) return;
    from.value = from.value.slice(0, -1);
    to.value = [...to.value, this.draft.value];
    this.draft.value = back;
    this.keep();
  }

  /** The cluster has it now, as `saved`. */
  becameSaved(id: string, etag: string, saved: Draft): void {
    localStorage.removeItem(keyOf(this.id));
    this.id = id;
    this.etag = etag;
    this.saved.value = saved;
    this.keep();
  }

  /** Goes on on what somebody else has saved, with `mine` on it; undoing leads back to theirs, and never to before it. */
  rebase(id: string, etag: string, theirs: Draft, mine: Draft | null): void {
    this.becameSaved(id, etag, theirs);
    this.past.value = [];
    this.future.value = [];
    this.settle(theirs);
    if (mine) this.change(mine);
  }

  discard(): void {
    this.change({ ...this.saved.value, conflicts: [] });
  }

  private keep(): void {
    if (!this.changed.value && !this.draft.value.conflicts.length) return localStorage.removeItem(keyOf(this.id));
    const kept: Kept = { draft: this.draft.value, saved: this.saved.value, etag: this.etag, at: Date.now() };
    localStorage.setItem(keyOf(this.id), JSON.stringify(kept));
  }
}

function renewed(draft: Draft): Draft {
  return { ...draft, entries: draft.entries.map((one) => ({ ...one, key: nextKey++ })) };
}

function read(id: string): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(id)) ?? "null") as Kept | null;
    return kept?.saved && kept.at > Date.now() - DAYS * 86_400_000 ? kept : null;
  } catch {
    return null;
  }
}
