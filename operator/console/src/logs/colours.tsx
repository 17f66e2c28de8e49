/** Colours in a log (SGR, ECMA-48 8.3.117): the eight of each brightness, bold and faint. Everything else is left out. */
import type { JSX } from "preact";

const SGR = /\x1b\[([\d;]*)m/g;

/** The text without them. */
export const plain = (text: string) => (text.includes("\x1b") ? text.replace(SGR, "") : text);

/** The line with them, as classes; each line begins without a colour. */
export function pieces(text: string): string | (string | JSX.Element)[] {
  if (!text.includes("\x1b")) return text;
  const found: (string | JSX.Element)[] = [];
  let on = new Set<string>();
  let at = 0;
  const put = (part: string) => part && found.push(on.size ? <span key={found.length} class={[...on].join(" ")}>{part}</span> : part);
  for (const code of text.matchAll(SGR)) {
    put(text.slice(at, code.index));
    at = code.index + code[0].length;
    on = after(on, code[1]!);
  }
  put(text.slice(at));
  return found;
}

const COLOUR = /^sgr-(colour|strong)-\d$/;

function after(on: Set<string>, codes: string): Set<string> {
  let now = new Set(on);
  const without = (matches: (name: string) => boolean) => (now = new Set([...now].filter((name) => !matches(name))));
  const numbers = (codes || "0").split(";").map(Number);
  for (const number of numbers) {
    if (number === 38 || number === 48) break; // colours of other palettes, with numbers of their own
    if (number === 0) now.clear();
    else if (number === 1) now.add("sgr-bold");
    else if (number === 2) now.add("sgr-faint");
    else if (number === 22) without((name) => name === "sgr-bold" || name === "sgr-faint");
    else if (number === 39) without((name) => COLOUR.test(name));
    else if ((number >= 30 && number <= 37) || (number >= 90 && number <= 97)) {
      without((name) => COLOUR.test(name));
      now.add(number >= 90 ? `sgr-strong-${number - 90}` : `sgr-colour-${number - 30}`);
    }
  }
  return now;
}
