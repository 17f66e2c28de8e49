/** The box that finds packages on the index and adds them (ARIA 1.2, combobox with a list). */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { IndexSearch } from "../api/schema";
import { session } from "../state/session";
import { toast } from "../state/toasts";
import { announce } from "../ui/announcer";
import { Icon } from "../ui/icons";
import { entry, type Editing } from "./draft";
import { projectOf } from "./projects";
import { parse } from "./reading";
import { newest, withSpec } from "./versions";

const WAIT = 120; // milliseconds after the last key
const STATES: Record<string, string> = {
  refreshing: "The list of names is being loaded; whole names are found already.",
  "exact-only": "This index has no list of names: type a whole name.",
  offline: "The index does not answer: names of this cluster only.",
  off: "Search is off: type a whole name.",
};

/** Whether it is more than a name: it has versions, extras or an address of its own, which are to be kept. */
const saysMore = (text: string) => /[^\w.\s-]/.test(text);

/** The focus stays in the box. It is the click that takes: taken before, the list would be gone and the click meet what lies below. */
const hold = (event: Event) => event.preventDefault();

type Item = IndexSearch["items"][number];

interface Props {
  editing: Editing;
  namespace: string;
  box: { current: HTMLInputElement | null };
}

export function Search({ editing, namespace, box }: Props): JSX.Element {
  const [text, setText] = useState("");
  const [found, setFound] = useState<IndexSearch | null>(null);
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  const limit = session.who.value!.server.limits.dependencies;
  const full = editing.draft.value.entries.length >= limit;
  useSearch(text.trim(), namespace, (answer) => {
    setFound(answer);
    answered.current = text.trim();
    setAt(saysMore(text) ? (answer?.items.length ?? 0) : 0);
    if (answer) announce(answer.items.length ? `${answer.items.length} found` : "Nothing found");
  });
  const items = found?.items ?? [];
  const answered = useRef("");
  const asItIs = text.trim() !== "" && !items.some((one) => one.name === text.trim());
  const count = items.length + (asItIs ? 1 : 0);
  const take = async (index: number) => {
    const wanted = items[index]?.name ?? text.trim();
    if (!wanted) return;
    setText("");
    setOpen(false);
    setFound(null);
    await add(editing, wanted);
    box.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (count) setAt((at + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
    } else if (event.key === "Enter" && text.trim()) {
      event.preventDefault();
      // What was found for other words is not what is meant.
      void take(found && answered.current === text.trim() ? at : -1);
    } else if (event.key === "Escape") setOpen(false);
  };
  const shown = open && text.trim() !== "" && count > 0;
  return (
    <div class="search" onFocusOut={(event) => !event.currentTarget.contains(event.relatedTarget as Node) && setOpen(false)}>
      <label for="search" class="unseen">
        Search PyPI
      </label>
      <div class="search-box">
        <Icon name="search" />
        <input
          id="search"
          ref={(element) => void (box.current = element)}
          role="combobox"
          type="text"
          aria-expanded={shown}
          aria-controls="found"
          aria-autocomplete="list"
          aria-activedescendant={shown ? `found-${at}` : undefined}
          aria-describedby="search-state"
          placeholder="Search PyPI to add a package"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          disabled={full}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setOpen(true);
          }}
          onKeyDown={keys}
        />
      </div>
      {shown && (
        <ul id="found" role="listbox" aria-label="Packages" class="found">
          {items.map((one, index) => (
            <Found key={one.name} item={one} index={index} at={at} onTake={take} />
          ))}
          {asItIs && (
            <li id={`found-${items.length}`} role="option" aria-selected={at === items.length} onPointerDown={hold} onClick={() => void take(items.length)}>
              <span>
                Add <strong>{text.trim()}</strong> as it is
              </span>
            </li>
          )}
        </ul>
      )}
      <p id="search-state" class="muted small">
        {full ? `A package holds ${limit} dependencies at most.` : (found?.message ?? STATES[found?.state ?? ""] ?? "")}
      </p>
    </div>
  );
}

const WHY: Record<string, string> = { alias: "imported as", typo: "similar" };

function Found({ item, index, at, onTake }: { item: Item; index: number; at: number; onTake: (index: number) => void }): JSX.Element {
  const why = item.match === "alias" ? `${WHY.alias} ${item.alias}` : (WHY[item.match] ?? "");
  return (
    <li id={`found-${index}`} role="option" aria-selected={index === at} onPointerDown={hold} onClick={() => onTake(index)}>
      <strong>{item.name}</strong>
      <span class="muted">{why}</span>
      {item.used_here && <span class="tag">used here</span>}
      {item.popular && !item.used_here && <span class="tag">popular</span>}
    </li>
  );
}

function useSearch(text: string, namespace: string, onAnswer: (answer: IndexSearch | null) => void): void {
  const last = useRef("");
  useEffect(() => {
    last.current = text;
    if (!text) return onAnswer(null);
    const timer = setTimeout(async () => {
      try {
        const query = { q: text, limit: 20, ...(namespace ? { namespace } : {}) };
        const answer = await call("GET /index/search", { query });
        if (last.current === text) onAnswer(answer);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (last.current === text) onAnswer({ items: [], state: "offline" } as unknown as IndexSearch);
      }
    }, WAIT);
    return () => clearTimeout(timer);
  }, [text, namespace]);
}

let adding = Promise.resolve();

/** Adds one after those before it, so that each is compared with a list that has them. */
export function add(editing: Editing, text: string): Promise<void> {
  adding = adding.then(() => addNow(editing, text));
  return adding;
}

/** The newest release that fits gives its minor range, unless the text says versions itself. */
async function addNow(editing: Editing, text: string): Promise<void> {
  const { draft } = editing;
  let answer;
  try {
    answer = await parse(text, draft.value, draft.value.entries.map((one) => one.text));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return toast("error", error.detail);
  }
  const line = answer.lines.find((one) => one.outcome !== "skipped" || one.name);
  if (line && (line.outcome === "conflict" || line.outcome === "skipped")) return already(line.existing?.name ?? line.name ?? "");
  if (!line || line.outcome === "error") return toast("error", [line?.message ?? "This line asks for no package.", line?.hint].filter(Boolean).join(" "));
  let parsed = line.dependency!;
  if (!parsed.version_spec && !parsed.url) {
    const project = await projectOf(parsed.name, draft.value);
    const release = project && newest(project, (one) => one.fits === "wheel" && !one.prerelease);
    if (release) parsed = { ...parsed, version_spec: release.specs.minor, requirement: withSpec(parsed, release.specs.minor), version_mode: "minor-range" };
  }
  editing.change({ entries: [...draft.value.entries, entry(line.note ? text : parsed.requirement, line.note ? null : parsed)] });
  announce(`${parsed.name} added`);
}

function already(name: string): void {
  toast("info", "Package is already in the list.");
  const row = [...document.querySelectorAll(".dependency")].find((one) => one.querySelector(".dependency-name")?.textContent === name);
  row?.scrollIntoView({ block: "nearest" });
  row?.classList.remove("flash");
  requestAnimationFrame(() => row?.classList.add("flash"));
}
