/** The log of one run, in the viewer that builds have. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { stream } from "../api/client";
import type { DeploymentResponse, RestRun } from "../api/schema";
import { LogViewer } from "../logs/viewer";
import { setQuery } from "../state/route";
import { Button, Face } from "../ui/parts";
import { isLive } from "./runs";

export function RunLog({ of, run }: { of: DeploymentResponse; run: RestRun }): JSX.Element {
  const { namespace, name } = of;
  const { job_name: job, phase } = run;
  const [round, setRound] = useState(0);
  const ask = (from: number, follow: boolean, signal: AbortSignal): Promise<Response> => {
    // A run's log, which may be of several attempts, is read anew where the connection broke.
    if (from) return new Promise((_, reject) => (signal.addEventListener("abort", () => reject(signal.reason)), setRound((count) => count + 1)));
    const path = { namespace, name, job };
    return stream("GET /deployments/{namespace}/{name}/runs/{job}/logs", { path, query: { follow }, headers: { accept: "text/plain" }, signal });
  };
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => holder.current!.scrollIntoView({ block: "nearest" }), []);
  return (
    <div ref={holder} class="run-log">
      <LogViewer
        source={{ ask }}
        id={`${job} ${round}`}
        growing={isLive(run)}
        label={`Log of run ${job}`}
        file={`${job}.log`}
        waiting={phase === "Pending" ? "Waiting for the pod of the run to start…" : undefined}
        none={(problem) => (
          <Face icon="archive" title={problem.code === "NoLog" ? "No log of this run" : problem.title}>
            <p>{problem.detail}</p>
          </Face>
        )}
      >
        <strong>{job}</strong>
        <Button icon="cross" onClick={() => setQuery({ run: "" })}>
          Close the log
        </Button>
      </LogViewer>
    </div>
  );
}
