/** A fix that the validation proposes, applied as an ordinary edit of one row. */
import type { RestValidationError } from "../api/schema";
import { entry, type Editing } from "../editor/draft";
import { readEntries } from "../editor/reading";

export function repair(editing: Editing, error: RestValidationError, index: number): void {
  const fix = error.fixes[index]!;
  const { entries } = editing.draft.value;
  const named = entries.findIndex((one) => one.text === fix.requirement || one.parsed?.requirement === fix.requirement);
  const at = named >= 0 ? named : (fix.index ?? -1);
  if (at < 0 || at >= entries.length) return;
  editing.change({ entries: entries.map((one, place) => (place === at ? entry(fix.replacement) : one)) });
  void readEntries(editing);
}
