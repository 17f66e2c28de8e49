/** Lines of a log, in blocks: one that is full never changes, and the oldest go where there are too many. Pure. */

import { plain } from "./colours";

export const BLOCK = 200;
const MOST_BLOCKS = 1500; // 300,000 lines
const MOST_CHARACTERS = 64_000_000;
const MOST_HITS = 10_000;

export interface Block {
  /** Number of its first line, from 1. */
  first: number;
  lines: readonly string[];
  characters: number;
}

export interface Lines {
  blocks: readonly Block[];
  /** How many there were, with those that are gone. */
  count: number;
  characters: number;
}

export const NO_LINES: Lines = { blocks: [], count: 0, characters: 0 };

/** The number of the first line that is still there, from 1. */
export const firstOf = ({ blocks, count }: Lines) => blocks[0]?.first ?? count + 1;

/** The lines with further ones. */
export function append(lines: Lines, found: readonly string[]): Lines {
  const blocks = [...lines.blocks];
  let { count, characters } = lines;
  for (let at = 0; at < found.length; ) {
    const last = blocks.at(-1);
    const open = last && last.lines.length < BLOCK ? last : null;
    const some = found.slice(at, at + BLOCK - (open?.lines.length ?? 0));
    const size = some.reduce((sum, line) => sum + line.length + 1, 0);
    const grown = { first: open?.first ?? count + 1, lines: open ? [...open.lines, ...some] : some, characters: (open?.characters ?? 0) + size };
    if (open) blocks[blocks.length - 1] = grown;
    else blocks.push(grown);
    at += some.length;
    count += some.length;
    characters += size;
  }
  let gone = 0;
  while (blocks.length - gone > 1 && (blocks.length - gone > MOST_BLOCKS || characters > MOST_CHARACTERS)) characters -= blocks[gone++]!.characters;
  return { blocks: gone ? blocks.slice(gone) : blocks, count, characters };
}

/** The block that holds a line, by its number; null for one that is gone or yet to come. */
export function blockOf({ blocks }: Lines, line: number): Block | null {
  const index = blocks[0] ? Math.floor((line - blocks[0].first) / BLOCK) : -1;
  const block = blocks[index];
  return block && line < block.first + block.lines.length ? block : null;
}

export function textOf({ blocks }: Lines, from = 0, to = Infinity): string {
  const found: string[] = [];
  for (const { first, lines } of blocks) {
    if (first > to || first + lines.length <= from) continue;
    found.push(...lines.slice(Math.max(0, from - first), to - first + 1));
  }
  return found.length ? plain(`${found.join("\n")}\n`) : "";
}

/** Numbers of the lines that have the words, however they are written; the first ten thousand of them. */
export function find({ blocks }: Lines, words: string): number[] {
  const wanted = words.toLowerCase();
  const hits: number[] = [];
  if (!wanted) return hits;
  for (const { first, lines } of blocks) {
    const text = plain(lines.join("\n")).toLowerCase();
    if (!text.includes(wanted)) continue;
    for (const [index, line] of text.split("\n").entries()) {
      if (line.includes(wanted)) hits.push(first + index);
      if (hits.length === MOST_HITS) return hits;
    }
  }
  return hits;
}

/** What one may want to go to. */
export interface Landmarks {
  /** Number of the line that tells of an error first. */
  error: number | null;
  /** Containers of a step, such as install: their headings. */
  sections: readonly { name: string; line: number }[];
}

export const NO_LANDMARKS: Landmarks = { error: null, sections: [] };
const ERROR = /^\s*(?:(?:error|fatal|failed)\b|traceback \(most recent|[×✗]|[\w.]+(?:error|exception):)/i;
const SECTION = /^=== ([\w-]+) ===$/;
const MOST_SECTIONS = 20;

/** The landmarks with those of further lines, which begin with that number. */
export function mark(before: Landmarks, found: readonly string[], first: number): Landmarks {
  let { error, sections } = before;
  for (const [index, line] of found.entries()) {
    if (error === null && ERROR.test(line)) error = first + index;
    const name = line.startsWith("===") && sections.length < MOST_SECTIONS ? SECTION.exec(line)?.[1] : undefined;
    if (name) sections = [...sections, { name, line: first + index }];
  }
  return error === before.error && sections === before.sections ? before : { error, sections };
}

/** Lines that an address points at. */
export interface Range {
  from: number;
  to: number;
}

/** `#L120` or `#L120-L140`. */
export function rangeOf(hash: string): Range | null {
  const found = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash);
  if (!found) return null;
  const [one, other] = [Number(found[1]), Number(found[2] ?? found[1])];
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

export const hashOf = ({ from, to }: Range) => (from === to ? `#L${from}` : `#L${from}-L${to}`);
