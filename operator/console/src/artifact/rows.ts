/** The packages of a ZIP as rows: the lock, with sizes from its files and licences from its bill of materials. Pure. */
import type { ArtifactContents, ArtifactLock, LockedDistribution } from "../api/schema";

export interface Row extends LockedDistribution {
  licence: string;
  /** Bytes of its files, unpacked; null as long as the contents are not known. */
  bytes: number | null;
}

export const COLUMNS = { name: "Package", licence: "Licence", bytes: "Size", direct: "Asked for" } as const;
export type Column = keyof typeof COLUMNS;
export type Sort = Column | `-${Column}`;

export const isSort = (text: string): text is Sort => text.replace(/^-/, "") in COLUMNS;

export function rowsOf(lock: ArtifactLock, contents: ArtifactContents | null, licences: Map<string, string>): Row[] {
  const sizes = new Map(contents?.distributions.map((one) => [one.name, one.bytes]));
  return lock.packages.map((one) => ({ ...one, licence: licences.get(one.name) ?? "", bytes: sizes.get(one.name) ?? null }));
}

export function select(rows: Row[], words: string, kind: string, sort: Sort): Row[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => {
    if (kind && row.direct !== (kind === "direct")) return false;
    const text = `${row.name} ${row.version ?? ""} ${row.licence} ${row.wheel}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  const column = sort.replace(/^-/, "") as Column;
  const sign = sort.startsWith("-") ? -1 : 1;
  return found.sort((a, b) => sign * compare(keyOf(a, column), keyOf(b, column)) || compare(a.name, b.name));
}

function keyOf(row: Row, column: Column): string | number {
  if (column === "bytes") return row.bytes ?? -1;
  if (column === "direct") return row.direct ? 0 : 1;
  return row[column].toLowerCase();
}

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);

/** Licences by name, as a bill of materials (CycloneDX 1.6) has them; whatever is not as it should be is passed over. */
export function licencesIn(bill: Record<string, unknown> | null): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of listIn(bill, "components")) {
    const names = listIn(one, "licenses").map((each) => textIn(each, "expression") || textIn(recordIn(each, "license"), "id") || textIn(recordIn(each, "license"), "name"));
    const text = names.filter(Boolean).join(", ");
    if (text) found.set(textIn(one, "name"), text);
  }
  return found;
}

/** Names of all components. */
export const componentsIn = (bill: Record<string, unknown>) => listIn(bill, "components").map((one) => textIn(one, "name"));

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const recordIn = (value: Json, name: string): Json => (isRecord(value[name]) ? value[name] : {});
const listIn = (value: Json | null, name: string): Json[] => (Array.isArray(value?.[name]) ? (value[name] as unknown[]).filter(isRecord) : []);
const textIn = (value: Json, name: string): string => (typeof value[name] === "string" ? value[name] : "");
