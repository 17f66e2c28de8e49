/** One dependency: three dropdowns with two locks, or its text. */
import type { JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import type { ParsedDependency } from "../api/schema";
import { Icon } from "../ui/icons";
import { IconButton } from "../ui/parts";
import type { Editing, Entry } from "./draft";
import { Extras } from "./extras";
import { lookAt, type Look } from "./projects";
import { parse } from "./reading";
import { afterLock, fitsNothing, locked, newest, options, pick, shownOf, withSpec, type Choice, type IndexRelease, type Mode, type Shown } from "./versions";

interface Props {
  editing: Editing;
  entry: Entry;
  /** From 1, as the validation panel counts. */
  number: number;
  readOnly: boolean;
  fault: boolean;
  ownIndex: boolean;
}

export function Row({ editing, entry, number, readOnly, fault, ownIndex }: Props): JSX.Element {
  const { parsed } = entry;
  const look = parsed && !parsed.url && !ownIndex ? lookAt(parsed.name, { ...editing.draft.value }) : null;
  const shown: Shown = parsed && look?.is === "known" ? shownOf(parsed, look.project) : parsed && !parsed.version_spec && !parsed.url ? { is: "any", release: null } : { is: "custom" };
  const remove = () => editing.change({ entries: editing.draft.value.entries.filter((one) => one.key !== entry.key) });
  const name = parsed?.name ?? entry.text;
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Delete" && !readOnly && !(event.target as HTMLElement).matches("input, select")) remove();
  };
  return (
    <tr role="row" class={`dependency ${shown.is} ${fault ? "at-fault" : ""}`} data-entry={entry.key} data-number={number} onKeyDown={keys}>
      <th scope="row" role="rowheader" aria-label={name}>
        <span class="dependency-name">{parsed?.name ?? "–"}</span>
        {parsed && <Extras {...{ editing, entry, parsed, readOnly }} />}
      </th>
      <Versions {...{ editing, entry, readOnly, shown, look, name }} />
      <td role="cell" class="dependency-state">
        <State entry={entry} look={look} shown={shown} />
      </td>
      <td role="cell" class="dependency-remove">{!readOnly && <IconButton icon="cross" label={`Remove ${name}`} onClick={remove} />}</td>
    </tr>
  );
}

type Inner = Pick<Props, "editing" | "entry" | "readOnly"> & { shown: Shown; look: Look | null; name: string };

function Versions(props: Inner): JSX.Element {
  const { editing, entry, readOnly, shown, look, name } = props;
  const { parsed } = entry;
  if (shown.is === "custom" || !parsed) return <Custom {...props} />;
  const change = (to: ParsedDependency, before = entry.before) => editing.changeEntry(entry.key, { text: to.requirement, parsed: to, before });
  const any = shown.is === "any";
  const toggle = () => {
    if (!any) return change(spec(parsed, "", "any"), parsed.version_spec);
    const project = look?.is === "known" ? look.project : null;
    const release = project && newest(project, () => true);
    const back = entry.before ?? release?.specs.minor ?? "";
    if (back) change(spec(parsed, back, "custom"), null);
  };
  return (
    <>
      {look?.is === "known" && (shown.is === "choice" || shown.release) ? (
        <Dropdowns
          project={look.project}
          choice={shown.is === "choice" ? shown.choice : { mode: "minor", release: shown.release! }}
          disabled={readOnly || any}
          name={name}
          onChange={(mode, release) => change(spec(parsed, release.specs[mode], mode))}
        />
      ) : (
        <td role="cell" colSpan={3} class="dependency-none muted">
          {look?.is === "asking" ? "Looking for releases…" : "No releases to choose from"}
        </td>
      )}
      <td role="cell" class="dependency-spec">
        <button
          type="button"
          class={`spec ${any ? "any" : ""}`}
          disabled={readOnly}
          aria-pressed={any}
          aria-label={any ? `${name}: any version. Choose a version` : `${name}: ${parsed.version_spec}. Allow any version`}
          title={any ? "Any version: the latest that fits is resolved at build time. Click to choose a version" : "Click to allow any version"}
          onClick={toggle}
        >
          {any ? "any" : parsed.version_spec}
        </button>
      </td>
    </>
  );
}

/** The dependency with another specifier, as the API would read it. */
function spec(parsed: ParsedDependency, version_spec: string, mode: string): ParsedDependency {
  return { ...parsed, version_spec, version_mode: mode as never, requirement: withSpec(parsed, version_spec) };
}

interface Choosing {
  project: Parameters<typeof options>[0];
  choice: Choice;
  disabled: boolean;
  name: string;
  onChange: (mode: Mode, release: IndexRelease) => void;
}

const PARTS = ["major", "minor", "build"] as const;
const WORDS = { major: "Major", minor: "Minor", build: "Build" };

function Dropdowns({ project, choice, disabled, name, onChange }: Choosing): JSX.Element {
  const { mode, release } = choice;
  const locks = locked(mode);
  const informational = { major: false, minor: locks.major && !locks.minor, build: locks.major };
  return (
    <>
      {PARTS.map((part) => (
        <td role="cell" key={part} class={`dependency-part ${part}`}>
          <span class="part">
            {part !== "build" && (
              <Lock part={part} on={locks[part]} release={release} name={name} disabled={disabled} onClick={() => onChange(afterLock(mode, part), release)} />
            )}
            <span class="select">
              <select
                aria-label={`${WORDS[part]} of ${name}`}
                title={informational[part] ? "For information: the lock leaves it to the build" : WORDS[part]}
                disabled={disabled || informational[part]}
                value={release[part]}
                onChange={(event) => onChange(mode, pick(project, release, part, event.currentTarget.value))}
              >
                {options(project, release, part).map(({ label, why }) => (
                  <option key={label} value={label} disabled={why !== null && label !== release[part]}>
                    {label}
                    {why && label !== release[part] && ` – ${why}`}
                  </option>
                ))}
              </select>
            </span>
          </span>
        </td>
      ))}
    </>
  );
}

interface LockProps {
  part: "major" | "minor";
  on: boolean;
  release: IndexRelease;
  name: string;
  disabled: boolean;
  onClick: () => void;
}

function Lock({ part, on, release, name, disabled, onClick }: LockProps): JSX.Element {
  const range = part === "major" ? `${release.major}.x` : `${release.major}.${release.minor}.x`;
  const words = on ? `${WORDS[part]} locked: any ${range}` : `${WORDS[part]} unlocked: lock it to allow any ${range}`;
  return (
    <button type="button" class={`lock ${on ? "on" : ""}`} aria-pressed={on} aria-label={`Lock ${WORDS[part]} of ${name}`} title={words} disabled={disabled} onClick={onClick}>
      <Icon name={on ? "lock" : "unlock"} />
    </button>
  );
}

/** Anything that the dropdowns can't show, as text. */
function Custom({ editing, entry, readOnly }: Inner): JSX.Element {
  const [text, setText] = useState(entry.text);
  useLayoutEffect(() => setText(entry.text), [entry.text]);
  const leave = async () => {
    const written = text.trim();
    if (!written || written === entry.text) return setText(entry.text);
    const { lines } = await parse(written, editing.draft.value, []);
    const line = lines.find((one) => one.outcome === "kept" || one.outcome === "error");
    const fault = line?.outcome === "error" ? [line.message, line.hint].filter(Boolean).join(" ") : line ? null : "This line asks for no package.";
    editing.changeEntry(entry.key, { text: written, parsed: line?.dependency && !line.note ? line.dependency : null, fault });
  };
  return (
    <td role="cell" colSpan={4} class="dependency-text">
      <input
        value={text}
        readOnly={readOnly}
        aria-label={`Requirement ${entry.parsed?.name ?? entry.text}`}
        aria-invalid={entry.fault !== null}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => void leave()}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
      />
    </td>
  );
}

/** What can be said of it before it is validated: an icon and a sentence. */
function State({ entry, look, shown }: { entry: Entry; look: Look | null; shown: Shown }): JSX.Element | null {
  if (entry.fault) return <Told tone="bad" text={entry.fault} />;
  if (entry.parsed?.url) return <Told tone="plain" text="Checked at Validate" />;
  if (!look || look.is === "asking") return null;
  if (look.is === "none") return <Told tone={look.problem.status === 404 ? "warn" : "plain"} text={look.problem.status === 404 ? "Not on the index" : "Checked at Validate"} />;
  const { project } = look;
  if (project.status && project.status !== "active") return <Told tone="warn" text={`Project is ${project.status}`} />;
  if (shown.is !== "choice" && fitsNothing(shown, project)) return <Told tone="bad" text="No release that fits" />;
  if (shown.is === "any") return <Told tone="warn" text="Builds may differ" />;
  if (shown.is === "custom") return <Told tone="plain" text="Checked at Validate" />;
  const { release } = shown.choice;
  if (release.yanked) return <Told tone="bad" text={`Withdrawn${release.yanked_reason ? `: ${release.yanked_reason}` : ""}`} />;
  if (release.fits !== "wheel") return <Told tone="bad" text={release.fits === "only-sdist" ? "Only source" : release.requires_python ? `Needs Python ${release.requires_python}` : "No wheel that fits"} />;
  if (release.caution) return <Told tone="warn" text={release.caution} />;
  return <Told tone="good" text={release.version} />;
}

const Told = ({ tone, text }: { tone: "good" | "warn" | "bad" | "plain"; text: string }) => (
  <span class={`told ${tone}`} title={text}>
    <Icon name={tone === "good" ? "check" : tone === "plain" ? "dot" : "alert"} />
    <span>{text}</span>
  </span>
);
