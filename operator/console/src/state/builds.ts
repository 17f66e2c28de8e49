/** Builds that this browser has started, whatever page or tab it shows when they end. */
import { call, Problem } from "../api/client";
import type { DepPackageSummary } from "../api/schema";
import { covers, live, onChange } from "./packages";
import { packagePath } from "./route";
import { toast } from "./toasts";

interface Started {
  namespace: string;
  name: string;
  at: number;
}

const KEY = "dagy.builds";
const DAYS = 7;
const LOOK_SECONDS = 3;
const OVER = new Set(["COMPLETED", "FAILED", "INVALID"]);

function read(): Record<string, Started> {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, Started>;
    const old = Date.now() - DAYS * 86_400_000;
    return Object.fromEntries(Object.entries(found).filter(([, one]) => one.at > old));
  } catch {
    return {};
  }
}

function write(builds: Record<string, Started>): void {
  localStorage.setItem(KEY, JSON.stringify(builds));
}

/** Tells with a toast how it ends. */
export function started(id: string, namespace: string, name: string): void {
  write({ ...read(), [id]: { namespace, name, at: Date.now() } });
}

type Known = Pick<DepPackageSummary, "id" | "namespace" | "name" | "build_status" | "settled"> & { display_name?: string | null };

function heard(now: Known): void {
  const builds = read();
  if (!builds[now.id] || !now.settled || !OVER.has(now.build_status)) return;
  delete builds[now.id];
  write(builds); // before the toast: another tab tells it once at most
  const link = { text: "Open", to: packagePath(now.namespace, now.name) };
  const name = now.display_name || now.name;
  if (now.build_status === "COMPLETED") toast("success", `${name} is built.`, { link });
  else toast("error", `${name}: ${now.build_status === "INVALID" ? "not valid, nothing was built" : "the build failed"}.`, { link });
}

/** Begins to listen. */
export function tellOfBuilds(): void {
  onChange(heard);
  setInterval(() => void lookElsewhere(), LOOK_SECONDS * 1000);
}

/** Asks for those that no stream tells of. */
async function lookElsewhere(): Promise<void> {
  if (document.hidden) return;
  for (const [id, { namespace, name }] of Object.entries(read())) {
    if (covers(namespace) && live.value === "live") continue;
    try {
      heard(await call("GET /dep-packages/{namespace}/{name}", { path: { namespace, name } }));
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) continue;
      const { [id]: _, ...others } = read();
      write(others);
    }
  }
}
