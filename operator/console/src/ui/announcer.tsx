/** What a screen reader is told of, in its own time. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";

const text = signal("");

export function announce(words: string): void {
  text.value = "";
  requestAnimationFrame(() => (text.value = words));
}

export const Announcer = (): JSX.Element => (
  <div class="unseen" role="status">
    {text}
  </div>
);
