/** Keys of the whole console. Single letters do nothing while somebody types, and can be switched off (WCAG 2.1.4). */
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

const KEY = "dagy.letters";

export const letters = signal(localStorage.getItem(KEY) !== "off");

export function setLetters(on: boolean): void {
  letters.value = on;
  localStorage.setItem(KEY, on ? "on" : "off");
}

export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** Such as { "/": …, "g p": …, "Mod+s": … }; Mod is Ctrl, or Command on a Mac. */
export function useKeys(keys: Keys): void {
  const present = useRef(keys);
  present.current = keys;
  // Once, before anything is painted: somebody may type at once, and "g p" may have a change of the page between its letters.
  useLayoutEffect(() => {
    let before = "";
    const press = (event: KeyboardEvent) => {
      const mod = event.metaKey || event.ctrlKey;
      const key = `${mod ? "Mod+" : ""}${mod && event.shiftKey ? "Shift+" : ""}${mod ? event.key.toLowerCase() : event.key}`;
      if (event.altKey || event.defaultPrevented || (!mod && (types(event.target) || blocked(event.key)))) return;
      const run = present.current[`${before} ${key}`] ?? present.current[key];
      before = key;
      if (!run) return;
      event.preventDefault();
      run(event);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

const blocked = (key: string) => (key.length === 1 && !letters.value) || document.querySelector("dialog[open]") !== null;

function types(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
