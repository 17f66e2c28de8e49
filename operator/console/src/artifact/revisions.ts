/** The ZIPs of a package that are kept: the usable one, and those before it. Pure. */
import type { DepPackageResponse, RestArtifact } from "../api/schema";

/** As much of a SHA-256 as an address shows. */
const SHOWN = 12;

export const short = (sha256: string) => sha256.slice(0, SHOWN);

/** The newest first. */
export function revisionsOf(shown: DepPackageResponse): RestArtifact[] {
  return [...(shown.artifact ? [shown.artifact] : []), ...shown.history];
}

/** The one whose SHA-256 begins so; undefined where it is not kept. */
export function revisionIn(revisions: RestArtifact[], begins: string): RestArtifact | undefined {
  return revisions.find((one) => one.sha256.startsWith(begins));
}

/** The one to compare with: that which was asked for, else the one before. */
export function comparedWith(revisions: RestArtifact[], revision: RestArtifact, begins: string): RestArtifact | undefined {
  const others = revisions.filter((one) => one.sha256 !== revision.sha256);
  const before = revisions.slice(revisions.findIndex((one) => one.sha256 === revision.sha256) + 1);
  return (begins ? revisionIn(others, begins) : undefined) ?? before[0] ?? others[0];
}

/** Whether the usable ZIP is of an earlier list, by the rule of the list page. */
export function isOutdated(shown: DepPackageResponse): boolean {
  const ready = shown.conditions.find((one) => one.type === "Ready");
  return Boolean(shown.artifact) && (shown.observed_generation !== shown.generation || ready?.status !== "True");
}
