/** The address bar: which page is shown, and everything about it that is worth sharing. */
import { computed, signal } from "@preact/signals";
import { ROOT } from "../base";

export type Page =
  | { is: "packages" }
  | { is: "new" }
  | { is: "package"; namespace: string; name: string }
  | { is: "flows" }
  | { is: "flow"; namespace: string; name: string }
  | { is: "unknown" };

const here = signal(new URL(location.href));
addEventListener("popstate", () => (here.value = new URL(location.href)));

/** May hold a page back, e.g. because of unsaved changes. */
export const address = computed(() => here.value);
export const query = computed(() => here.value.searchParams);
export const page = computed<Page>(() => parse(here.value.pathname.slice(ROOT.pathname.length)));

function parse(path: string): Page {
  const parts = path.replace(/\/$/, "").split("/").map(decodeURIComponent);
  if (parts[0] === "" || (parts[0] === "packages" && parts.length === 1)) return { is: "packages" };
  if (parts[0] === "new" && parts.length === 1) return { is: "new" };
  if (parts[0] === "packages" && parts.length === 3) return { is: "package", namespace: parts[1]!, name: parts[2]! };
  if (parts[0] === "flows" && parts.length === 1) return { is: "flows" };
  if (parts[0] === "flows" && parts.length === 3) return { is: "flow", namespace: parts[1]!, name: parts[2]! };
  return { is: "unknown" };
}

/** Goes to a page below the console's root, such as `packages/team-a/etl?tab=logs`. */
export function go(to: string, how: { replace?: boolean } = {}): void {
  const url = new URL(to, ROOT);
  if (url.href === here.value.href) return;
  history[how.replace ? "replaceState" : "pushState"](null, "", url);
  here.value = url;
  if (!how.replace) scrollTo(0, 0);
}

/** Changes the query of the present page; an empty value takes its name away. */
export function setQuery(changes: Record<string, string>): void {
  const url = new URL(here.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  go(url.href, { replace: true });
}

export const packagePath = (namespace: string, name: string) => below("packages", namespace, name);
export const flowPath = (namespace: string, name: string) => below("flows", namespace, name);

const below = (...parts: string[]) => parts.map(encodeURIComponent).join("/");
