/** One object of an open page: read whole, and read again whenever its summary changes. */
import { signal } from "@preact/signals";
import { Problem } from "../api/client";
import type { Item, Listing } from "./listing";

const LOOK_SECONDS = 3;

interface Read {
  namespace: string;
  name: string;
}

export class Reading<T extends { id: string; settled: boolean }, S extends Item> {
  readonly data = signal<T | null>(null);
  readonly problem = signal<Problem | null>(null);
  private readonly ending = new AbortController();
  private readonly stops: (() => void)[];
  private reading = false;
  private again = false;

  constructor(
    listing: Listing<S>,
    readonly namespace: string,
    readonly name: string,
    private readonly get: (path: Read, signal: AbortSignal) => Promise<T>,
  ) {
    void this.read();
    const heard = listing.onChange((now) => now.namespace === namespace && now.name === name && void this.read());
    const timer = setInterval(() => {
      const heardOf = listing.covers(namespace) && listing.live.value === "live";
      if (!heardOf && !document.hidden && !this.data.value?.settled) void this.read();
    }, LOOK_SECONDS * 1000);
    const gone = listing.onGone((id) => id === this.data.value?.id && void this.read());
    this.stops = [heard, gone, () => clearInterval(timer)];
  }

  /** Reads it now, and once more where it changes meanwhile. */
  async read(): Promise<void> {
    this.again = this.reading;
    if (this.reading) return;
    this.reading = true;
    try {
      this.data.value = await this.get({ namespace: this.namespace, name: this.name }, this.ending.signal);
      this.problem.value = null;
    } catch (error) {
      if (error instanceof Problem) this.problem.value = error;
      else if (!this.ending.signal.aborted) throw error;
    } finally {
      this.reading = false;
    }
    if (this.again && !this.ending.signal.aborted) await this.read();
  }

  close(): void {
    this.ending.abort();
    for (const stop of this.stops) stop();
  }
}
