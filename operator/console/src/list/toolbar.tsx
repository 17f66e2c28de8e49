/** Words, phases and Pythons that choose rows. */
import type { JSX, RefObject } from "preact";
import type { Phase } from "../api/schema";
import { session } from "../state/session";
import { Icon } from "../ui/icons";
import { ORDER, PHASES, type Tone } from "./phases";
import type { Filter } from "./view";

interface Props {
  filter: Filter;
  onFilter: (filter: Partial<Filter>) => void;
  onEnter: (text: string) => void;
  counts: Map<Phase, number>;
  all: number;
  box: RefObject<HTMLInputElement | null>;
}

export function Toolbar({ filter, onFilter, onEnter, counts, all, box }: Props): JSX.Element {
  const pythons = session.who.value?.server.python_versions ?? [];
  return (
    <div class="toolbar">
      <SearchBox box={box} label="Filter by name, slug or message" words={filter.words} onWords={(words) => onFilter({ words })} onEnter={onEnter} />
      <label class="select">
        <span class="unseen">Python version</span>
        <select value={filter.python} onChange={(event) => onFilter({ python: event.currentTarget.value })}>
          <option value="">All Pythons</option>
          {pythons.map((version) => (
            <option key={version} value={version}>
              Python {version}
            </option>
          ))}
        </select>
      </label>
      <Chips name="Phase" order={ORDER} looks={PHASES} counts={counts} all={all} chosen={filter.phase} onChoose={(phase) => onFilter({ phase })} />
    </div>
  );
}

interface SearchProps {
  box: RefObject<HTMLInputElement | null>;
  label: string;
  words: string;
  onWords: (words: string) => void;
  onEnter?: (text: string) => void;
}

export function SearchBox({ box, label, words, onWords, onEnter }: SearchProps): JSX.Element {
  return (
    <div class="search-box">
      <Icon name="search" />
      <input
        ref={box}
        type="search"
        aria-label={label}
        placeholder={label}
        aria-keyshortcuts="/"
        spellcheck={false}
        autocomplete="off"
        value={words}
        onInput={(event) => onWords(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && onEnter?.(event.currentTarget.value.trim())}
      />
    </div>
  );
}

interface ChipsProps<S extends string> {
  name: string;
  order: readonly S[];
  looks: Record<S, { tone: Tone }>;
  counts: Map<S, number>;
  all: number;
  /** "" are all. */
  chosen: string;
  onChoose: (state: S | "") => void;
}

/** The states that there are, with how many are in each, to choose one. */
export function Chips<S extends string>({ name, order, looks, counts, all, chosen, onChoose }: ChipsProps<S>): JSX.Element {
  return (
    <div class="chips" role="group" aria-label={name}>
      <Chip label="All" count={all} pressed={!chosen} onPress={() => onChoose("")} />
      {order
        .filter((one) => counts.get(one) || chosen === one)
        .map((one) => (
          <Chip key={one} label={one} tone={looks[one].tone} count={counts.get(one) ?? 0} pressed={chosen === one} onPress={() => onChoose(chosen === one ? "" : one)} />
        ))}
    </div>
  );
}

function Chip(props: { label: string; tone?: string; count: number; pressed: boolean; onPress: () => void }): JSX.Element {
  const { label, tone = "", count, pressed, onPress } = props;
  return (
    <button type="button" class={`chip ${tone}`} aria-pressed={pressed} onClick={onPress}>
      {label} <span class="count">{count.toLocaleString()}</span>
    </button>
  );
}
