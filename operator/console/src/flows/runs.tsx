/** The runs of a flow that are kept, the newest first. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { DeploymentResponse, RestRun } from "../api/schema";
import { ago, full, now, span } from "../state/clock";
import { flowPath } from "../state/route";
import { Link, Notice, ProblemText } from "../ui/parts";
import { RunBadge } from "./badges";

const SHOWN = 50;
const LOOK_SECONDS = 3;
const LIVE = new Set<RestRun["phase"]>(["Pending", "Running"]);

export const isLive = (run: RestRun) => LIVE.has(run.phase);

/** Reads them now, whenever the flow tells of another run, and again and again while one goes on. `asked` counts up. */
export function useRuns(of: DeploymentResponse, asked: number): { runs: RestRun[] | null; problem: Problem | null } {
  const { namespace, name, last_run } = of;
  const [runs, setRuns] = useState<RestRun[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const live = runs?.some(isLive) ?? false;
  useEffect(() => {
    const ending = new AbortController();
    const read = () =>
      call("GET /deployments/{namespace}/{name}/runs", { path: { namespace, name }, signal: ending.signal }).then(
        ({ items }) => (setRuns(items), setProblem(null)),
        (error: unknown) => error instanceof Problem && setProblem(error),
      );
    let took = 0;
    const timed = async () => {
      const from = Date.now();
      await read();
      took = Date.now() - from;
    };
    void timed();
    let due = 0;
    // Ten times as long at rest as at work, however many there are.
    const timer = live ? setInterval(() => !document.hidden && Date.now() > due && ((due = Date.now() + 10 * took), void timed()), LOOK_SECONDS * 1000) : 0;
    return () => {
      ending.abort();
      clearInterval(timer);
    };
  }, [namespace, name, last_run?.job_name, last_run?.phase, live, asked]);
  return { runs, problem };
}

interface Props {
  of: DeploymentResponse;
  runs: RestRun[] | null;
  problem: Problem | null;
  /** The one whose log is shown. */
  chosen: string;
}

export function Runs({ of, runs, problem, chosen }: Props): JSX.Element {
  const [all, setAll] = useState(false);
  const shown = all ? runs : runs?.slice(0, SHOWN);
  return (
    <section class="card" aria-labelledby="runs-heading">
      <header class="card-head">
        <h2 id="runs-heading">Runs</h2>
        <p class="muted">{runs?.length ? `${runs.length.toLocaleString()} kept` : ""}</p>
      </header>
      {problem && (
        <Notice tone="warn">
          <ProblemText problem={problem} />
        </Notice>
      )}
      {runs && !runs.length && <p class="muted">It has never run, or no run is kept.</p>}
      {shown && shown.length > 0 && (
        <div class="wide-table runs" role="group" aria-labelledby="runs-heading" tabIndex={0}>
          <table class="records" role="table">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">State</th>
                <th scope="col" role="columnheader">Run</th>
                <th scope="col" role="columnheader">Revision</th>
                <th scope="col" role="columnheader">Started</th>
                <th scope="col" role="columnheader">Took</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {shown.map((run) => (
                <One key={run.job_name} run={run} to={`${flowPath(of.namespace, of.name)}?run=${run.job_name}`} chosen={run.job_name === chosen} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {runs && shown && runs.length > shown.length && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          Show all {runs.length.toLocaleString()} runs
        </button>
      )}
    </section>
  );
}

function One({ run, to, chosen }: { run: RestRun; to: string; chosen: boolean }): JSX.Element {
  const { started_at: started, finished_at: finished } = run;
  return (
    <tr role="row" class={chosen ? "picked" : ""}>
      <td role="cell">
        <RunBadge phase={run.phase} />
      </td>
      <th scope="row" role="rowheader">
        <Link to={to} aria-current={chosen ? "true" : undefined}>
          {run.job_name}
        </Link>
      </th>
      <td role="cell" data-title="revision">{run.revision}</td>
      <td role="cell">
        {started ? (
          <time dateTime={started} title={full(started)}>
            {ago(started, now.value)}
          </time>
        ) : (
          <span class="muted">not yet</span>
        )}
      </td>
      <td role="cell" data-title="took">{started ? span(started, finished ?? new Date(now.value).toISOString()) : "–"}</td>
    </tr>
  );
}
