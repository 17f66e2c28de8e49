/** The objects of a namespace, or of all: loaded in pages, then kept up to date. */
import { batch, signal } from "@preact/signals";
import { Problem } from "../api/client";
import { events } from "../api/events";

export interface Item {
  id: string;
  namespace: string;
  name: string;
  etag: string;
  settled: boolean;
}

export interface Row<T extends Item = Item> {
  data: T;
  /** What a search looks through, in lower case. */
  text: string;
  /** When it changed while it was shown. */
  changed: number;
}

export type Live = "loading" | "live" | "polling" | "paused" | "offline" | "none";

interface Asked {
  namespace?: string;
}

/** Where the objects come from. */
export interface Source<T extends Item> {
  page: (query: Asked & { limit: number; cursor?: string }, signal: AbortSignal) => Promise<{ items: T[]; next_cursor?: string | null; resource_version: string }>;
  changes: (query: Asked & { resource_version: string }, signal: AbortSignal) => Promise<Response>;
  /** Name of the event that tells of one that is new or has changed. */
  event: string;
  words: (data: T) => (string | null | undefined)[];
}

const FIRST_PAGE = 100;
const PAGE = 1000;
const SILENT_SECONDS = 45; // three comments of the API
const POLL_SECONDS = 3;
const REST_SECONDS = 15;

export class Listing<T extends Item> {
  /** Counts up with every change of `rows()`. */
  readonly version = signal(0);
  readonly live = signal<Live>("loading");
  /** Whether all pages are there. */
  readonly complete = signal(false);
  /** Why the list can't be had; what was loaded before stays. */
  readonly problem = signal<Problem | null>(null);
  /** When it is tried again, in milliseconds since 1970; 0 when it is not. */
  readonly retryAt = signal(0);
  readonly scope = signal("");
  private readonly listeners = new Set<(now: T) => void>();
  private readonly farewells = new Set<(id: string) => void>();
  private all = new Map<string, Row<T>>();
  private opened: { namespace: string; ending: AbortController } | null = null;
  private announced = false;
  private paused = false;
  private wake: (() => void)[] = [];

  constructor(private readonly source: Source<T>) {}

  rows = (): Iterable<Row<T>> => this.all.values();
  rowCount = () => this.all.size;

  /** Tells of each object that changes. */
  onChange = (listener: (now: T) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Tells of each that is there no more, by its ID. */
  onGone = (listener: (id: string) => void): (() => void) => {
    this.farewells.add(listener);
    return () => this.farewells.delete(listener);
  };

  private gone({ id }: Item): void {
    if (this.all.delete(id)) this.changed();
    for (const listener of this.farewells) listener(id);
  }

  /** Whether changes of that namespace are heard of. */
  covers = (namespace: string) => this.opened !== null && (this.opened.namespace === "" || this.opened.namespace === namespace);

  /** Shows a namespace; "" are all. */
  open = (namespace: string, anew = false): void => {
    this.pause(false);
    if (!anew && this.opened?.namespace === namespace) return;
    this.opened?.ending.abort();
    const ending = new AbortController();
    this.opened = { namespace, ending };
    this.all = new Map();
    batch(() => {
      this.scope.value = namespace;
      this.complete.value = false;
      this.problem.value = null;
      this.live.value = "loading";
      this.version.value++;
    });
    void this.follow(namespace, ending.signal).catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    });
  };

  /** Tries again at once. */
  retry = () => this.open(this.scope.value, true);

  /** Lets go of its stream, for a browser has few connections to a host; goes on where it was. */
  pause(on: boolean): void {
    if (this.paused === on) return;
    this.paused = on;
    for (const wake of this.wake) wake();
  }

  private put(data: T): void {
    const before = this.all.get(data.id);
    if (before?.data.etag === data.etag && JSON.stringify(before.data) === JSON.stringify(data)) return;
    this.all.set(data.id, this.row(data, before ? Date.now() : 0));
    this.changed();
    for (const listener of this.listeners) listener(data);
  }

  private row(data: T, changed: number): Row<T> {
    return { data, text: this.source.words(data).join("\n").toLowerCase(), changed };
  }

  /** One look at the list for all changes of a moment. */
  private changed(): void {
    if (this.announced) return;
    this.announced = true;
    setTimeout(() => {
      this.announced = false;
      this.version.value++;
    }, 30);
  }

  private async follow(namespace: string, signal: AbortSignal): Promise<void> {
    let failures = 0;
    let from = "";
    while (!signal.aborted) {
      try {
        if (!from) from = await this.load(namespace, signal);
        failures = 0;
        from = await this.watch(namespace, from, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        if (!this.complete.value && !error.passing) {
          batch(() => ((this.problem.value = error), (this.live.value = "none"), (this.retryAt.value = 0)));
          return;
        }
        if (this.complete.value && error.status !== 0) {
          await this.poll(namespace, signal);
          from = "";
        } else {
          await this.rest(error, ++failures, signal);
        }
      }
    }
  }

  /** Loads all pages; where a watch goes on. What is shown stays until all are there. */
  private async load(namespace: string, signal: AbortSignal): Promise<string> {
    const anew = this.complete.value ? new Map<string, Row<T>>() : this.all;
    const asked: Asked = namespace ? { namespace } : {};
    let cursor: string | null = null;
    let first = "";
    do {
      const query = cursor ? { ...asked, limit: PAGE, cursor } : { ...asked, limit: FIRST_PAGE };
      const page: Awaited<ReturnType<Source<T>["page"]>> = await this.source.page(query, signal);
      first ||= page.resource_version;
      for (const data of page.items) this.take(anew, data);
      cursor = page.next_cursor ?? null;
      if (anew === this.all) this.version.value++;
    } while (cursor);
    this.all = anew;
    batch(() => {
      this.complete.value = true;
      this.problem.value = null;
      this.retryAt.value = 0;
      this.version.value++;
    });
    return first;
  }

  private take(into: Map<string, Row<T>>, data: T): void {
    const before = this.all.get(data.id);
    const same = before && JSON.stringify(before.data) === JSON.stringify(data);
    into.set(data.id, same ? before : this.row(data, before ? Date.now() : 0));
    if (!same) for (const listener of this.listeners) listener(data);
  }

  /** Follows changes while somebody looks; where to go on, or "" to list anew. */
  private async watch(namespace: string, from: string, signal: AbortSignal): Promise<string> {
    await this.looked(signal);
    const unseen = new AbortController();
    const stop = () => unseen.abort();
    const forget = this.onLook(() => !this.seen && stop());
    signal.addEventListener("abort", stop);
    try {
      const asked = { ...(namespace ? { namespace } : {}), resource_version: from };
      const answer = await this.source.changes(asked, unseen.signal);
      batch(() => ((this.live.value = "live"), (this.problem.value = null)));
      for await (const event of events(answer, SILENT_SECONDS)) {
        if (event.event === "reset") return "";
        if (event.id) from = event.id;
        if (event.event === this.source.event) this.put(JSON.parse(event.data));
        if (event.event === "gone") this.gone(JSON.parse(event.data) as Item);
      }
      return from;
    } catch (error) {
      if (unseen.signal.aborted && !signal.aborted) return from;
      if (error instanceof Problem) throw error;
      if (signal.aborted) throw error;
      return from; // the connection broke
    } finally {
      forget();
      signal.removeEventListener("abort", stop);
    }
  }

  /** Lists again and again while no stream can be had; back for a stream after a minute. */
  private async poll(namespace: string, signal: AbortSignal): Promise<void> {
    const until = Date.now() + 60_000;
    while (Date.now() < until && !signal.aborted) {
      this.live.value = "polling";
      const started = Date.now();
      const busy = [...this.all.values()].some((one) => !one.data.settled);
      await sleep(busy ? POLL_SECONDS : REST_SECONDS, signal);
      await this.looked(signal);
      const asked = Date.now();
      await this.load(namespace, signal);
      // Ten times as long asleep as awake, however long the list is.
      if (Date.now() - asked > (asked - started) / 10) await sleep((Date.now() - asked) / 100, signal);
    }
  }

  private async rest(error: Problem, failures: number, signal: AbortSignal): Promise<void> {
    const seconds = error.retryAfter || Math.min(30, 2 ** Math.min(failures, 5));
    batch(() => {
      this.live.value = "offline";
      this.problem.value = error;
      this.retryAt.value = Date.now() + seconds * 1000;
    });
    const online = new AbortController();
    const wake = () => online.abort();
    addEventListener("online", wake, { once: true });
    await sleep(seconds, AbortSignal.any([signal, online.signal]));
    removeEventListener("online", wake);
  }

  private get seen(): boolean {
    return !document.hidden && !this.paused;
  }

  /** Calls when it may have come into sight, or gone out of it. */
  private onLook(look: () => void): () => void {
    document.addEventListener("visibilitychange", look);
    this.wake.push(look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      this.wake = this.wake.filter((one) => one !== look);
    };
  }

  /** Waits until somebody looks. */
  private async looked(signal: AbortSignal): Promise<void> {
    while (!this.seen && !signal.aborted) {
      if (this.paused) this.live.value = "paused";
      await new Promise<void>((resolve) => {
        const forget = this.onLook(() => (forget(), resolve()));
        signal.addEventListener("abort", () => (forget(), resolve()), { once: true });
      });
    }
  }
}

function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
