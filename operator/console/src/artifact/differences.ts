/** The difference of two ZIPs as one list, and as Markdown. Pure. */
import type { ArtifactDiff } from "../api/schema";
import { bytes } from "../state/clock";

export interface Change {
  what: "added" | "removed" | "up" | "down" | "changed";
  name: string;
  from: string | null;
  to: string | null;
  /** Bytes more, unpacked; null where they are not known. */
  grown: number | null;
}

/** By name; what is new and what is gone among the others. */
export function changesOf(diff: ArtifactDiff): Change[] {
  const known = (size: number | null | undefined, sign: number) => (size === null || size === undefined ? null : sign * size);
  const all: Change[] = [
    ...diff.added.map((one) => ({ what: "added" as const, name: one.name, from: null, to: one.version ?? null, grown: known(one.bytes, 1) })),
    ...diff.removed.map((one) => ({ what: "removed" as const, name: one.name, from: one.version ?? null, to: null, grown: known(one.bytes, -1) })),
    ...diff.changed.map((one) => ({
      what: one.direction === "up" || one.direction === "down" ? one.direction : ("changed" as const),
      name: one.name,
      from: one.from_version ?? null,
      to: one.to_version ?? null,
      grown: known(one.bytes_from, 1) === null || known(one.bytes_to, 1) === null ? null : one.bytes_to! - one.bytes_from!,
    })),
  ];
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** "+1.2 MB". */
export function difference(grown: number | null): string {
  if (grown === null) return "–";
  return grown ? `${grown > 0 ? "+" : "−"}${bytes(Math.abs(grown))}` : "±0";
}

/** A table, as pull requests show it. */
export function markdownOf(changes: Change[]): string {
  const cell = (text: string | null) => (text ?? "–").replaceAll("|", "\\|");
  const lines = changes.map(({ what, name, from, to, grown }) => `| ${what} | ${[name, from, to].map(cell).join(" | ")} | ${difference(grown)} |`);
  return ["| Change | Package | From | To | Size |", "|---|---|---|---|---|", ...lines, ""].join("\n");
}
