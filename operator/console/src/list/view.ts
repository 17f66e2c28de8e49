/** What of the list is shown, in which order. Pure. */
import type { Phase } from "../api/schema";
import type { Item, Row as RowOf } from "../state/listing";
import type { Row } from "../state/packages";
import { ORDER } from "./phases";

export interface Filter {
  words: string;
  phase: string;
  python: string;
}

export const COLUMNS = ["status", "name", "slug", "python", "deps", "size", "updated"] as const;
export type Column = (typeof COLUMNS)[number];
/** A column, with "-" in front for the other direction. */
export type Sort = Column | `-${Column}`;

export const isSort = (text: string): text is Sort => COLUMNS.includes(text.replace(/^-/, "") as Column);

/** Whether a row has all of the words. */
export function matching(words: string): (row: RowOf) => boolean {
  const all = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => all.every((word) => row.text.includes(word));
}

/** The rows that pass, and how many there would be of each phase. */
export function select(rows: Iterable<Row>, filter: Filter): { found: Row[]; counts: Map<Phase, number>; all: number } {
  const has = matching(filter.words);
  const counts = new Map<Phase, number>();
  const found: Row[] = [];
  let all = 0;
  for (const row of rows) {
    const { python_version, build_status } = row.data;
    if (filter.python && python_version !== filter.python) continue;
    if (!has(row)) continue;
    all++;
    counts.set(build_status, (counts.get(build_status) ?? 0) + 1);
    if (!filter.phase || build_status === filter.phase) found.push(row);
  }
  return { found, counts, all };
}

export type Key<T extends Item> = (row: RowOf<T>) => string | number;
const KEYS: Record<Column, Key<Row["data"]>> = {
  status: (row) => ORDER.indexOf(row.data.build_status),
  name: (row) => (row.data.display_name || row.data.name).toLowerCase(),
  slug: (row) => row.data.slug ?? "",
  python: (row) => Number(row.data.python_version.split(".")[1]),
  deps: (row) => row.data.dependency_count,
  size: (row) => row.data.package_size ?? -1,
  updated: (row) => row.data.updated_at,
};

export const order = (rows: Iterable<Row>, sort: Sort): Row[] => sorted(rows, sort, KEYS);

/** In the order of a column; equals by namespace and name, so that the order is one and the same each time. */
export function sorted<T extends Item, C extends string>(rows: Iterable<RowOf<T>>, sort: C | `-${C}`, keys: Record<C, Key<T>>): RowOf<T>[] {
  const down = sort.startsWith("-");
  const key = keys[sort.replace(/^-/, "") as C];
  const keyed = Array.from(rows, (row) => ({ row, key: key(row), name: `${row.data.namespace}/${row.data.name}` }));
  keyed.sort((a, b) => (down ? compare(b.key, a.key) : compare(a.key, b.key)) || compare(a.name, b.name));
  return keyed.map((one) => one.row);
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
