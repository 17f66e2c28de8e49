/** Drawings of 16 by 16; a word stands beside each that means something. */
import type { JSX } from "preact";

const PATHS = {
  alert: "M8 2 1.5 13.5h13L8 2Zm0 4.5v3.2m0 1.9v.1",
  archive: "M2 3h12v3H2zM3 6v7.5h10V6M6.5 9h3",
  arrowLeft: "M13 8H3m4-4L3 8l4 4",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.5 14.3h3",
  check: "m3 8.5 3.2 3.2L13 4.8",
  chevronDown: "m4 6 4 4 4-4",
  chevronUp: "m4 10 4-4 4 4",
  clock: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM8 4.5V8l2.4 1.6",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  cross: "m4 4 8 8m0-8-8 8",
  dot: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6Z",
  download: "M8 2v8m-3.2-3L8 10.2 11.2 7M2.5 13.5h11",
  flow: "M2 3.5h4v4H2zM10 8.5h4v4h-4zM6 5.5h3.5a2 2 0 0 1 2 2v1",
  gear: "M3 4.5h10M3 8h10M3 11.5h10",
  help: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM6.2 6.2a1.8 1.8 0 1 1 2.6 1.7c-.5.3-.8.6-.8 1.2m0 2v.1",
  hourglass: "M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14",
  keyboard: "M1.5 4h13v8h-13zM4 6.5h.1m2.6 0h.1m2.5 0h.1m2.5 0h.1M5 9.5h6",
  lines: "M2.5 4h11M2.5 8h11M2.5 12h7",
  lock: "M3.5 7.5h9v6h-9zM5.2 7.5V5a2.8 2.8 0 0 1 5.6 0v2.5",
  unlock: "M3.5 7.5h9v6h-9zM5.2 7.5V5A2.8 2.8 0 0 1 10.6 4",
  moon: "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6Z",
  more: "M3.5 8h.1m4.4 0h.1m4.3 0h.1",
  package: "m8 1.7 5.8 3.2v6.2L8 14.3l-5.8-3.2V4.9zM2.3 5 8 8.2 13.7 5M8 8.2v6",
  pause: "M5.5 4v8m5-8v8",
  play: "M5 3v10l8-5z",
  plus: "M8 3v10M3 8h10",
  refresh: "M13 3v3.5H9.5M13 6.3A5.5 5.5 0 1 0 13.4 9",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.4 7.9 3.2 3.2",
  signOut: "M6.5 2.5h-4v11h4M10 5l3 3-3 3m3-3H6",
  stop: "M4 4h8v8H4z",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.6m0 10.8V15M1 8h1.6m10.8 0H15M3 3l1.2 1.2m7.6 7.6L13 13M13 3l-1.2 1.2M4.2 11.8 3 13",
  trash: "M2.5 4.5h11M6 4.5v-2h4v2m-6 0 .7 9h6.6l.7-9M6.5 7v4m3-4v4",
  redo: "M10 4.5 13 7.5l-3 3M13 7.5H6.5a3.5 3.5 0 0 0 0 7H9",
  undo: "M6 4.5 3 7.5l3 3M3 7.5h6.5a3.5 3.5 0 0 1 0 7H7",
  upload: "M8 10.2V2.2M4.8 5.2 8 2l3.2 3.2M2.5 13.5h11",
  user: "M8 2a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM2.5 14c.6-3 2.8-4 5.5-4s4.9 1 5.5 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, turning = false }: { name: IconName; turning?: boolean }): JSX.Element {
  return (
    <svg class={turning ? "icon turning" : "icon"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
