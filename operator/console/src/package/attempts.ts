/** The attempts at a step whose logs may be asked for. Pure. */
import type { DepPackageResponse, JobKind, Phase } from "../api/schema";

export interface Attempt {
  number: number;
  /** How it ended, or that it is the present one. */
  words: string;
}

/** The newest last. A step that never failed has one, which has no number of its own. */
export function attemptsOf({ last_build }: DepPackageResponse, step: JobKind): Attempt[] {
  const found = new Map<number, string>();
  for (const one of last_build?.attempts ?? []) if (one.job === step) found.set(one.number, `failed: ${one.reason}`);
  const present = step === "build" ? last_build?.attempt : found.size ? Math.max(...found.keys()) + 1 : null;
  if (present && !found.has(present)) found.set(present, "the last one");
  return [...found].map(([number, words]) => ({ number, words })).sort((one, other) => one.number - other.number);
}

const OF_BUILD: readonly Phase[] = ["QUEUED", "INSTALLING", "PACKAGING", "UPLOADING"];

/** Whether that step is under way, so that its log grows. */
export const runs = (phase: Phase, step: JobKind) => (step === "build" ? OF_BUILD.includes(phase) : phase === "VALIDATING");
