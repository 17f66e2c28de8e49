/** What lies in a ZIP and beside it: read once, because it never changes. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem, stream } from "../api/client";
import type { ArtifactContents, ArtifactDiff, ArtifactLock, BuildRecord } from "../api/schema";
import { Button, Face, ProblemText } from "../ui/parts";

/** One ZIP of one package. */
export interface Which {
  namespace: string;
  name: string;
  sha256: string;
}

export interface Reading<T> {
  data: T | null;
  problem: Problem | null;
  retry: () => void;
}

const KEPT = 12; // answers, of which the contents of 100,000 files are some 20 MB
const kept = new Map<string, Promise<unknown>>();

function once<T>(key: string, read: () => Promise<T>): Promise<T> {
  const known = kept.get(key) as Promise<T> | undefined;
  kept.delete(key);
  const reading = known ?? read();
  kept.set(key, reading);
  reading.catch(() => kept.delete(key));
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return reading;
}

function useReading<T>(key: string, read: () => Promise<T>): Reading<T> {
  const [state, setState] = useState<{ key: string; data: T | null; problem: Problem | null }>({ key: "", data: null, problem: null });
  const [tried, setTried] = useState(0);
  useEffect(() => {
    let shown = true;
    once(key, read).then(
      (data) => shown && setState({ key, data, problem: null }),
      (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        if (shown) setState({ key, data: null, problem: error });
      },
    );
    return () => void (shown = false);
  }, [key, tried]);
  const retry = () => setTried(tried + 1);
  return state.key === key ? { ...state, retry } : { data: null, problem: null, retry };
}

const keyOf = (what: string, { namespace, name, sha256 }: Which, more = "") => [what, namespace, name, sha256, more].join("/");

/** `etag`: which packages are direct is told by the present list. */
export const useLock = (path: Which, etag: string): Reading<ArtifactLock> =>
  useReading(keyOf("lock", path, etag), () => call("GET /dep-packages/{namespace}/{name}/artifacts/{sha256}/lock", { path }));

export const useContents = (path: Which): Reading<ArtifactContents> =>
  useReading(keyOf("contents", path), () => call("GET /dep-packages/{namespace}/{name}/artifacts/{sha256}/contents", { path }));

export const useBill = (path: Which): Reading<Record<string, unknown>> =>
  useReading(keyOf("sbom", path), () => call("GET /dep-packages/{namespace}/{name}/artifacts/{sha256}/sbom", { path }));

export const useRecord = (path: Which): Reading<BuildRecord> =>
  useReading(keyOf("record", path), () => call("GET /dep-packages/{namespace}/{name}/artifacts/{sha256}/record", { path }));

export const useDiff = (path: Which, from: string): Reading<ArtifactDiff> =>
  useReading(keyOf("diff", path, from), () => call("GET /dep-packages/{namespace}/{name}/artifacts:diff", { path, query: { from, to: path.sha256 } }));

export async function readPylock(path: Which): Promise<string> {
  const answer = await stream("GET /dep-packages/{namespace}/{name}/artifacts/{sha256}/pylock.toml", { path, headers: { accept: "application/toml" } });
  return answer.text();
}

/** What stands in the place of something that is being read, or can't be. */
export function NotRead({ reading, what }: { reading: Reading<unknown>; what: string }): JSX.Element {
  const { problem, retry } = reading;
  if (!problem) {
    return (
      <p class="muted reading" role="status">
        Reading {what}…
      </p>
    );
  }
  const title = problem.status === 404 ? "Gone from storage" : problem.title;
  return (
    <Face icon="archive" title={title} actions={problem.passing && <Button onClick={retry}>Try again</Button>}>
      <p>
        <ProblemText problem={problem} />
      </p>
    </Face>
  );
}
