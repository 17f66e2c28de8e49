/** Requirements as the API reads them: the one parser of the product. */
import { call } from "../api/client";
import type { ParsedLine, ParseResponse, Resolution } from "../api/schema";
import { entry, type Draft, type Editing, type Entry } from "./draft";

const BATCH = 200;

/** Reads a text, merged into the list's requirements. */
export function parse(text: string, draft: Draft, existing: string[], resolutions: Record<string, Resolution> = {}): Promise<ParseResponse> {
  const body = { text, python_version: draft.python as "3.12", architecture: draft.architecture, existing, resolutions };
  return call("POST /dep-packages:parse", { body });
}

/** Reads those entries that were not read yet; their texts stay as they are. */
export async function readEntries(editing: Editing): Promise<void> {
  const unread = editing.draft.value.entries.filter((one) => !one.parsed && !one.fault);
  if (!unread.length) return;
  const answers = await Promise.all(batches(unread).map((some) => parse(some.map((one) => one.text).join("\n"), editing.draft.value, [])));
  const lines = new Map<string, ParsedLine>();
  for (const answer of answers) for (const line of answer.lines) lines.set(line.text.trim(), line);
  const read = (one: Entry): Entry => {
    const line = lines.get(one.text.trim());
    if (one.parsed || one.fault || !line) return one;
    if (line.outcome === "error") return { ...one, fault: [line.message, line.hint].filter(Boolean).join(" ") };
    // What was left out, such as a marker, is part of what is stored: such a row is text.
    return line.dependency && !line.note ? { ...one, parsed: line.dependency } : one;
  };
  editing.settle({ entries: editing.draft.value.entries.map(read) });
}

function batches(entries: Entry[]): Entry[][] {
  const found: Entry[][] = [];
  for (let at = 0; at < entries.length; at += BATCH) found.push(entries.slice(at, at + BATCH));
  return found;
}

/** The normalized name of each requirement that can be read, by its text. */
export async function namesOf(texts: string[], draft: Draft): Promise<Map<string, string>> {
  const distinct = [...new Set(texts)];
  const names = new Map<string, string>();
  for (let at = 0; at < distinct.length; at += BATCH) {
    const { lines } = await parse(distinct.slice(at, at + BATCH).join("\n"), draft, []);
    for (const line of lines) {
      const name = line.dependency?.name ?? line.name ?? line.existing?.name;
      if (name) names.set(line.text.trim(), name);
    }
  }
  return names;
}

export interface Text {
  entries: Entry[];
  faults: ParsedLine[];
}

/** The entries of a whole text; lines that can't be read are told, and the text stays where it is. */
export async function readText(text: string, draft: Draft): Promise<Text> {
  const known = new Map(draft.entries.map((one) => [one.text, one]));
  const answer = await parse(text, draft, []);
  const faults = answer.lines.filter((line) => line.outcome === "error");
  const kept = answer.lines.filter((line) => line.outcome === "kept" && line.dependency);
  const entries = kept.map((line) => {
    const written = line.text.trim();
    return known.get(written) ?? (line.note ? entry(written) : entry(line.dependency!.requirement, line.dependency));
  });
  return { entries, faults };
}
