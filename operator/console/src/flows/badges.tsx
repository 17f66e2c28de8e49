/** How a flow deployment stands, and how its runs do. */
import type { JSX } from "preact";
import type { DeploymentSummary, RestRun } from "../api/schema";
import { Deleting, State } from "../list/badge";
import type { Tone } from "../list/phases";
import { ago, full, now } from "../state/clock";
import type { IconName } from "../ui/icons";

interface Look {
  icon: IconName;
  tone: Tone;
  about: string;
  turning?: boolean;
}

export const FLOW_STATES = {
  READY: { icon: "check", tone: "good", about: "Deployed: runs are made from the present version" },
  DEPLOYING: { icon: "refresh", tone: "busy", turning: true, about: "It is being deployed, or waits for a package" },
  REFUSED: { icon: "cross", tone: "bad", about: "The present version can't be deployed; someone must act" },
  DELETING: { icon: "hourglass", tone: "neutral", about: "It is being deleted" },
} as const satisfies Record<string, Look>;
export type FlowState = keyof typeof FLOW_STATES;

/** In the words that the command line has, too. */
export function stateOf(flow: Pick<DeploymentSummary, "deleting" | "ready" | "settled">): FlowState {
  if (flow.deleting) return "DELETING";
  if (flow.ready) return "READY";
  return flow.settled ? "REFUSED" : "DEPLOYING";
}

export function FlowBadge({ of }: { of: Pick<DeploymentSummary, "deleting" | "ready" | "settled"> }): JSX.Element {
  const state = stateOf(of);
  return state === "DELETING" ? <Deleting /> : <State {...FLOW_STATES[state]}>{state}</State>;
}

const RUN_PHASES: Record<RestRun["phase"], Look> = {
  Pending: { icon: "clock", tone: "neutral", about: "It waits for a pod to start" },
  Running: { icon: "refresh", tone: "busy", turning: true, about: "The flow's program runs" },
  Succeeded: { icon: "check", tone: "good", about: "The flow's program has ended well" },
  Failed: { icon: "cross", tone: "bad", about: "The flow's program has failed" },
};

export const RunBadge = ({ phase }: { phase: RestRun["phase"] }) => <State {...RUN_PHASES[phase]}>{phase.toUpperCase()}</State>;

export function LastRun({ run }: { run: RestRun | null }): JSX.Element {
  if (!run) return <span class="muted">never run</span>;
  return (
    <span class="last-run">
      <RunBadge phase={run.phase} />
      {run.started_at && (
        <time class="muted" dateTime={run.started_at} title={full(run.started_at)}>
          {ago(run.started_at, now.value)}
        </time>
      )}
    </span>
  );
}
