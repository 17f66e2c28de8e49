/** Two changes of one package, put together: what only one side has changed is taken, the rest is asked for. Pure. */
import type { Draft, Entry } from "./draft";

export type Side = "mine" | "theirs";

/** Something that is not the same on both sides; null is a dependency that is not there. */
export interface Difference {
  key: string;
  /** A dependency's name, or what a field is called. */
  label: string;
  base: string | null;
  mine: string | null;
  theirs: string | null;
}

/** Dependencies by name; the second of one name, with another marker, is one of its own. */
type Named = Map<string, Entry>;

const FIELDS = { name: "Name", description: "Description", python: "Python Version", architecture: "Platform", glibc: "glibc" } as const;
type Field = keyof typeof FIELDS;

function named(entries: readonly Entry[], names: ReadonlyMap<string, string>): Named {
  const found: Named = new Map();
  for (const one of entries) {
    const name = names.get(one.text) ?? one.text;
    let key = name;
    for (let count = 2; found.has(key); count++) key = `${name} (${count})`;
    found.set(key, one);
  }
  return found;
}

/** `names`: of each requirement's text. */
export function differences(base: Draft, mine: Draft, theirs: Draft, names: ReadonlyMap<string, string>): Difference[] {
  const [before, here, there] = [base, mine, theirs].map((one) => named(one.entries, names)) as [Named, Named, Named];
  const fields = (Object.keys(FIELDS) as Field[]).map((key) => ({ key, label: FIELDS[key], base: base[key], mine: mine[key], theirs: theirs[key] }));
  const text = (list: Named, key: string) => list.get(key)?.text ?? null;
  const dependencies = [...new Set([...there.keys(), ...here.keys()])].map((key) => ({
    key: `dependency ${key}`,
    label: key,
    base: text(before, key),
    mine: text(here, key),
    theirs: text(there, key),
  }));
  return [...fields, ...dependencies].filter((one) => one.mine !== one.theirs);
}

/** The side that has changed it; null where both have. */
export function changedBy({ base, mine, theirs }: Difference): Side | null {
  return mine === base ? "theirs" : theirs === base ? "mine" : null;
}

/** Theirs with mine, as it was chosen for each difference. */
export function merged(mine: Draft, theirs: Draft, names: ReadonlyMap<string, string>, side: (key: string) => Side): Draft {
  const [here, there] = [named(mine.entries, names), named(theirs.entries, names)];
  const chosen = (key: string) => (side(`dependency ${key}`) === "mine" ? here : there).get(key);
  const entries = [...new Set([...there.keys(), ...here.keys()])].flatMap((key) => {
    const [one, other] = [here.get(key), there.get(key)];
    const found = one?.text === other?.text ? one : chosen(key);
    return found ? [found] : [];
  });
  const from = (key: Field) => (mine[key] === theirs[key] || side(key) === "mine" ? mine : theirs);
  return {
    name: from("name").name,
    description: from("description").description,
    python: from("python").python,
    architecture: from("architecture").architecture,
    glibc: from("glibc").glibc,
    entries,
    conflicts: mine.conflicts.filter((one) => entries.some((other) => other.parsed?.name === one.name)),
  };
}
