/** The time as pages show it, moved on every ten seconds. */
import { signal } from "@preact/signals";

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 10_000);

const STEPS: [number, string][] = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [7, "d"],
  [Infinity, "w"],
];

/** "2 min ago"; "just now" for what is young, and for clocks that differ. */
export function ago(time: string, at: number): string {
  let value = Math.max(0, (at - Date.parse(time)) / 1000);
  if (value < 45) return "just now";
  for (const [size, unit] of STEPS) {
    if (value < size) return `${Math.max(1, Math.floor(value))} ${unit} ago`;
    value /= size;
  }
  return "";
}

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A moment in the reader's own zone and language. */
export const full = (time: string) => whole.format(new Date(time));

/** "48 MB": decimal, as disks and registries count. */
export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined) return "–";
  const units = ["B", "kB", "MB", "GB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** "1 min 4 s", of two moments. */
export function span(from: string, to: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
