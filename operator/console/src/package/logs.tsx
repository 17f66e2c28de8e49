/** A package's logs: which step, which attempt. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { stream } from "../api/client";
import type { DepPackageResponse, JobKind } from "../api/schema";
import { LogViewer } from "../logs/viewer";
import { address, go, query } from "../state/route";
import { Face } from "../ui/parts";
import { attemptsOf, runs } from "./attempts";

const STEPS: readonly JobKind[] = ["validate", "build"];
const WORDS: Record<JobKind, string> = { validate: "Validate", build: "Build" };

export function Logs({ shown }: { shown: DepPackageResponse }): JSX.Element {
  const { namespace, name, build_status, message, last_build } = shown;
  const step: JobKind = query.value.get("step") === "validate" ? "validate" : "build";
  const attempts = attemptsOf(shown, step);
  const chosen = Number(query.value.get("attempt")) || null;
  const growing = runs(build_status, step) && (chosen === null || chosen === attempts.at(-1)?.number);
  const round = useRounds(growing);
  // Each attempt is a log of its own: a place in one is none in another.
  const attempt = chosen ?? (step === "build" ? last_build?.attempt : null) ?? null;
  const ask = (from_byte: number, follow: boolean, signal: AbortSignal) =>
    stream("GET /dep-packages/{namespace}/{name}/logs", {
      path: { namespace, name },
      query: { step, follow, attempt, from_byte },
      headers: { accept: "text/plain" },
      signal,
    });
  const failed = attempts.filter((one) => one.words !== "the last one").length;
  return (
    <LogViewer
      source={{ ask }}
      id={[step, attempt, step === "validate" && growing ? failed : "", round].join(" ")}
      growing={growing}
      label={`Log of ${step}`}
      file={`${name}-${step}${attempt ? `-${attempt}` : ""}.log`}
      waiting={growing ? `Waiting for the log: ${message || "its pod has not started yet."}` : undefined}
      none={(problem) => (
        <Face icon="archive" title={problem.code !== "NoLog" ? problem.title : chosen ? "No log of this attempt" : "No log yet"}>
          <p>{problem.detail}</p>
        </Face>
      )}
    >
      <div class="segments" role="group" aria-label="Step">
        {STEPS.map((one) => (
          <button key={one} type="button" aria-pressed={step === one} onClick={() => open(one, null)}>
            {WORDS[one]}
          </button>
        ))}
      </div>
      {(attempts.length > 1 || chosen !== null) && (
        <label class="select attempt">
          <span class="label">Attempt</span>
          <select value={chosen ?? attempts.at(-1)?.number ?? ""} onChange={(event) => open(step, Number(event.currentTarget.value))}>
            {!attempts.some((one) => one.number === chosen) && chosen !== null && <option value={chosen}>{chosen}</option>}
            {attempts.map(({ number, words }) => (
              <option key={number} value={number}>
                {number} – {words}
              </option>
            ))}
          </select>
        </label>
      )}
    </LogViewer>
  );
}

/** Another log has other lines: the address of one goes. */
function open(step: JobKind, attempt: number | null): void {
  const url = new URL(address.value);
  url.searchParams.set("step", step);
  if (attempt === null) url.searchParams.delete("attempt");
  else url.searchParams.set("attempt", String(attempt));
  url.hash = "";
  go(url.href, { replace: true });
}

/** Counts how often something has begun: the log of what begins again is another one. */
function useRounds(growing: boolean): number {
  const before = useRef(growing);
  const count = useRef(0);
  if (growing && !before.current) count.current++;
  before.current = growing;
  return count.current;
}
