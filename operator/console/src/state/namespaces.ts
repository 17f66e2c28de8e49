/** Namespaces that may be shown, and the one that is. */
import { computed, effect, signal } from "@preact/signals";
import { call } from "../api/client";
import { go, page, query, setQuery } from "./route";
import { session } from "./session";

// Each person's own: whoever else uses this browser would be led to where they may see nothing.
const keyOf = (what: "namespace" | "namespaces") => `dagy.${what} ${session.who.value?.username ?? ""}`;

const known = signal<string[]>([]);
export const knowsAll = signal(true);
/** The one that was chosen last; null before the first choice. */
const last = signal<string | null>(null);
effect(() => {
  last.value = localStorage.getItem(keyOf("namespace"));
});

/** Names, sorted: the cluster's, and those that were typed here where the cluster does not tell. */
export const namespaces = computed(() => [...new Set([...known.value, ...(chosen.value ? [chosen.value] : [])])].sort());

/** "" are all that may be listed. */
export const chosen = computed(() => query.value.get("ns") ?? last.value ?? "");

export function choose(namespace: string): void {
  remember(namespace);
  if (namespace && !known.value.includes(namespace)) localStorage.setItem(keyOf("namespaces"), JSON.stringify([...typed(), namespace]));
  // A package or a flow is of one namespace: another one has another list.
  const list = { package: "packages", flow: "flows" }[page.value.is as string];
  if (list) go(namespace ? `${list}?ns=${namespace}` : list);
  else setQuery({ ns: namespace });
}

/** Who has come by a link to a package goes on in its namespace, unless one was chosen before. */
export function chooseAtFirst(namespace: string): void {
  if (last.value === null) remember(namespace);
}

function remember(namespace: string): void {
  localStorage.setItem(keyOf("namespace"), namespace);
  last.value = namespace;
}

/** Asks which there are. Who may see one only is led there. */
export async function loadNamespaces(): Promise<void> {
  const answer = await call("GET /namespaces", {});
  knowsAll.value = answer.complete;
  known.value = [...answer.items.map((one) => one.name), ...(answer.complete ? [] : typed())];
  const [first, ...others] = known.value;
  if (first && !others.length) chooseAtFirst(first);
}

function typed(): string[] {
  try {
    return (JSON.parse(localStorage.getItem(keyOf("namespaces")) ?? "[]") as string[]).slice(-50);
  } catch {
    return [];
  }
}
