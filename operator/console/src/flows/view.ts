/** Which flows are shown, in which order. Pure. */
import { matching, sorted, type Key } from "../list/view";
import type { FlowRow } from "../state/flows";
import { FLOW_STATES, stateOf, type FlowState } from "./badges";

export interface Filter {
  words: string;
  state: string;
}

export const ORDER = Object.keys(FLOW_STATES) as FlowState[];
export const COLUMNS = ["status", "name", "flow", "packages", "run"] as const;
export type Column = (typeof COLUMNS)[number];
export type Sort = Column | `-${Column}`;

export const isSort = (text: string): text is Sort => COLUMNS.includes(text.replace(/^-/, "") as Column);

/** The flows that pass, and how many there would be in each state. */
export function select(rows: FlowRow[], filter: Filter): { found: FlowRow[]; counts: Map<FlowState, number>; all: number } {
  const has = matching(filter.words);
  const counts = new Map<FlowState, number>();
  const some = rows.filter(has);
  for (const row of some) counts.set(stateOf(row.data), (counts.get(stateOf(row.data)) ?? 0) + 1);
  return { found: some.filter((row) => !filter.state || stateOf(row.data) === filter.state), counts, all: some.length };
}

const KEYS: Record<Column, Key<FlowRow["data"]>> = {
  status: (row) => ORDER.indexOf(stateOf(row.data)),
  name: (row) => row.data.name,
  flow: (row) => row.data.flow_name.toLowerCase(),
  packages: (row) => row.data.dep_package_slugs.length,
  run: (row) => row.data.last_run?.started_at ?? "",
};

export const order = (rows: Iterable<FlowRow>, sort: Sort): FlowRow[] => sorted(rows, sort, KEYS);
