/** What the three dropdowns and the locks of a row show, and what they store. Pure: specifiers come from the API. */
import type { IndexProject, ParsedDependency } from "../api/schema";

export type IndexRelease = IndexProject["releases"][number];

export type Mode = "exact" | "minor" | "major";

/** A row whose version the dropdowns can show. */
export interface Choice {
  mode: Mode;
  release: IndexRelease;
}

/** How a specifier that forms can't show is told from the others. */
export type Shown = { is: "choice"; choice: Choice } | { is: "any"; release: IndexRelease | null } | { is: "custom" };

const MODES: Mode[] = ["exact", "minor", "major"];

export function shownOf(parsed: ParsedDependency, project: IndexProject): Shown {
  if (!parsed.version_spec) return { is: "any", release: newest(project, () => true) };
  for (const mode of MODES) {
    const release = newest(project, (one) => one.specs[mode] === parsed.version_spec);
    if (release) return { is: "choice", choice: { mode, release } };
  }
  return { is: "custom" };
}

/** The newest that fits, else the newest; releases come newest first. */
export function newest(project: IndexProject, wanted: (one: IndexRelease) => boolean): IndexRelease | null {
  const found = project.releases.filter(wanted);
  const fitting = found.filter((one) => one.fits === "wheel" && !one.yanked);
  return fitting.find((one) => !one.prerelease) ?? fitting[0] ?? found[0] ?? null;
}

export interface Option {
  label: string;
  /** Why nothing of it can be used here; null for what can. */
  why: string | null;
}

type Part = "major" | "minor" | "build";

/** Whether nothing of what it asks for can be installed for the target, as far as the index tells. */
export function fitsNothing(shown: Shown, project: IndexProject): boolean {
  if (shown.is === "choice") return shown.choice.release.fits !== "wheel";
  return !project.releases.some((one) => one.fits === "wheel" && !one.yanked);
}

/** The dropdown's options, newest first; each label once, usable if one of its releases is. */
export function options(project: IndexProject, release: IndexRelease, part: Part): Option[] {
  const found = new Map<string, Option>();
  for (const one of project.releases) {
    if (part !== "major" && one.major !== release.major) continue;
    if (part === "build" && one.minor !== release.minor) continue;
    const why = whyNot(one);
    const before = found.get(one[part]);
    if (!before) found.set(one[part], { label: one[part], why });
    else if (!why) before.why = null;
  }
  return [...found.values()];
}

function whyNot(release: IndexRelease): string | null {
  if (release.yanked) return `withdrawn${release.yanked_reason ? `: ${release.yanked_reason}` : ""}`;
  switch (release.fits) {
    case "wheel":
      return null;
    case "only-sdist":
      return "only source";
    case "other-python":
      return release.requires_python ? `needs Python ${release.requires_python}` : "for another Python";
    default:
      return "no wheel for this platform";
  }
}

/** The release that a dropdown's new value means: the newest that fits of it. */
export function pick(project: IndexProject, present: IndexRelease, part: Part, label: string): IndexRelease {
  const same = (one: IndexRelease) =>
    one[part] === label &&
    (part === "major" || one.major === present.major) &&
    (part !== "build" || one.minor === present.minor);
  return newest(project, same) ?? present;
}

/** Locking minor locks major; opening major opens minor. */
export function locked(mode: Mode): { major: boolean; minor: boolean } {
  return { major: mode !== "exact", minor: mode === "minor" };
}

export function afterLock(mode: Mode, part: "major" | "minor"): Mode {
  if (part === "minor") return mode === "minor" ? "major" : "minor";
  return mode === "exact" ? "major" : "exact";
}

/** The requirement with another specifier. */
export function withSpec(parsed: ParsedDependency, spec: string): string {
  return `${parsed.name}${parsed.extras?.length ? `[${parsed.extras.join(",")}]` : ""}${spec}`;
}
