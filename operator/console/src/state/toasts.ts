/** Short messages that go by themselves; what they tell stands somewhere else, too, and for a while behind the bell. */
import { computed, signal } from "@preact/signals";

export interface Toast {
  id: number;
  kind: "info" | "success" | "error";
  text: string;
  at: number;
  link?: { text: string; to: string };
  action?: { text: string; run: () => void };
}

const SHOWN = 3;
const KEPT = 50;
const SECONDS = 6;
let last = 0;
let paused = false;
const timers = new Map<number, number>();

/** Those that are to be seen, the oldest first. */
export const toasts = signal<Toast[]>([]);
/** All of this visit, the newest first, as far as they are kept. */
export const told = signal<Toast[]>([]);
const missed = signal<ReadonlySet<number>>(new Set());
/** How many went by themselves, or for others, since the list was opened. */
export const missedCount = computed(() => missed.value.size);

export function toast(kind: Toast["kind"], text: string, more: Pick<Toast, "link" | "action"> = {}): void {
  const one: Toast = { id: ++last, kind, text, at: Date.now(), ...more };
  const others = toasts.value.filter((other) => other.text !== text);
  for (const old of others.slice(0, Math.max(0, others.length + 1 - SHOWN))) leave(old.id);
  toasts.value = [...others, one].slice(-SHOWN);
  told.value = [one, ...told.value].slice(0, KEPT);
  if (!paused) start(one);
}

/** Somebody has seen it. */
export function dismiss(id: number): void {
  stop(id);
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** It goes unseen, as far as anybody can tell. */
function leave(id: number): void {
  dismiss(id);
  missed.value = new Set([...missed.value, id]);
}

function start({ id, kind }: Toast): void {
  stop(id);
  if (kind !== "error") timers.set(id, window.setTimeout(() => leave(id), SECONDS * 1000));
}

function stop(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

/** Keeps them all while one is looked at. */
export function pause(): void {
  paused = true;
  for (const { id } of toasts.value) stop(id);
}

export function resume(): void {
  paused = false;
  toasts.value.forEach(start);
}

/** The list was opened, which has them all. */
export function seeAll(): void {
  for (const { id } of toasts.value) dismiss(id);
  missed.value = new Set();
}
