/** /console/flows/{namespace}/{name}: what is deployed, with which packages, and how it ran. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { call } from "../api/client";
import type { DeploymentResponse, DeploymentSummary } from "../api/schema";
import { flows } from "../state/flows";
import { chooseAtFirst } from "../state/namespaces";
import { Reading } from "../state/reading";
import { go, query, setQuery } from "../state/route";
import { session } from "../state/session";
import { Button, Face, Link, Notice, ProblemText } from "../ui/parts";
import { start } from "./actions";
import { FlowBadge, stateOf } from "./badges";
import { Confirm } from "./confirm";
import { RunLog } from "./log";
import { Packages } from "./packages";
import { Revisions } from "./revisions";
import { isLive, Runs, useRuns } from "./runs";
import { When } from "./table";

type Shown = Reading<DeploymentResponse, DeploymentSummary>;

export function FlowPage({ namespace, name }: { namespace: string; name: string }): JSX.Element {
  const shown = useMemo(
    () => new Reading(flows, namespace, name, (path, signal) => call("GET /deployments/{namespace}/{name}", { path, signal })),
    [namespace, name],
  );
  useEffect(() => {
    chooseAtFirst(namespace);
    document.title = `${name} · DAGY`;
    return () => shown.close();
  }, [shown]);
  const data = shown.data.value;
  const problem = shown.problem.value;
  if (data) return <Loaded key={data.id} shown={shown} of={data} />;
  return (
    <main class="page" id="main">
      {problem && (
        <Face level={1} icon="search" title={problem.status === 404 ? "There is no such flow" : problem.title} actions={<Button onClick={() => go("flows")}>Flows</Button>}>
          <p>
            <ProblemText problem={problem} />
          </p>
        </Face>
      )}
    </main>
  );
}

function Loaded({ shown, of }: { shown: Shown; of: DeploymentResponse }): JSX.Element {
  const [started, setStarted] = useState(0);
  const { runs, problem } = useRuns(of, started);
  const mayNot = useMayNot(of);
  const chosen = query.value.get("run") ?? "";
  const run = runs?.find((one) => one.job_name === chosen);
  const begun = (job: string) => {
    setStarted((count) => count + 1);
    setQuery({ run: job });
    void shown.read();
  };
  return (
    <main class="page package-page flow-page" id="main">
      <Link to="flows" class="back">
        ‹ Flows
      </Link>
      <header class="page-head">
        <div class="title">
          <h1>{of.name}</h1>
          <FlowBadge of={of} />
        </div>
        <RunNow of={of} live={runs?.filter(isLive).length ?? 0} onStarted={begun} />
      </header>
      <Notices of={of} gone={shown.problem.value?.status === 404} mayNot={mayNot} />
      <Facts of={of} />
      <Packages of={of} />
      <Runs of={of} runs={runs} problem={problem} chosen={chosen} />
      {run && <RunLog key={chosen} of={of} run={run} />}
      {chosen && runs && !run && <Notice tone="info">Run {chosen} is not kept any more, and its log went with it.</Notice>}
      <Revisions of={of} mayNot={mayNot || (of.deleting ? "It is being deleted" : "")} onDone={() => void shown.read()} />
    </main>
  );
}

function Notices({ of, gone, mayNot }: { of: DeploymentResponse; gone: boolean; mayNot: string }): JSX.Element {
  const state = stateOf(of);
  return (
    <>
      {gone && <Notice tone="warn">This flow has been deleted. What you see is how it was.</Notice>}
      {state === "DELETING" && <Notice tone="warn">This flow is being deleted. {of.message}</Notice>}
      {state === "REFUSED" && (
        <Notice tone="bad" role="alert">
          {of.message} {of.revision && `Runs are still made from revision ${of.revision}.`} <code class="code-name">{of.reason}</code>
        </Notice>
      )}
      {state === "DEPLOYING" && <Notice tone="info">{of.message || "The operator has not looked at it yet."}</Notice>}
      {mayNot && <Notice tone="info">{mayNot}</Notice>}
    </>
  );
}

function Facts({ of }: { of: DeploymentResponse }): JSX.Element {
  const present = of.history.find((one) => one.revision === of.revision);
  return (
    <dl class="flow-facts">
      <div>
        <dt>Flow</dt>
        <dd>
          {of.flow_name} {of.flow_version}
        </dd>
      </div>
      <div>
        <dt>Revision</dt>
        <dd>{of.revision ?? "none yet"}</dd>
      </div>
      <div>
        <dt>Starts</dt>
        <dd>
          <When schedule={of.schedule ?? null} suspended={of.suspend} />
        </dd>
      </div>
      <div>
        <dt>Python</dt>
        <dd>{present?.python_version ?? of.python_version ?? "–"}</dd>
      </div>
      <div>
        <dt>Namespace</dt>
        <dd>{of.namespace}</dd>
      </div>
    </dl>
  );
}

function RunNow({ of, live, onStarted }: { of: DeploymentResponse; live: number; onStarted: (job: string) => void }): JSX.Element {
  const [asked, setAsked] = useState("");
  const why = of.deleting ? "It is being deleted" : of.revision ? "" : "Nothing is deployed yet";
  const work = async () => {
    const job = await start(of, asked);
    if (job) onStarted(job);
  };
  return (
    <>
      <Button kind="primary" icon="play" disabled={Boolean(why)} title={why || "Start a run of the present revision"} onClick={() => setAsked(token())}>
        Run now
      </Button>
      {asked && (
        <Confirm title={`Run ${of.name} now?`} does="Run" icon="play" work={work} onClose={() => setAsked("")}>
          <p>
            Its program is started once, from revision {of.revision}, with the packages of that revision. Everybody who may see the flow sees the run.
          </p>
          {live > 0 && (
            <Notice tone="warn">
              {live === 1 ? "A run is" : `${live} runs are`} under way already; this one starts beside {live === 1 ? "it" : "them"}.
            </Notice>
          )}
        </Confirm>
      )}
    </>
  );
}

/** Names the run: repeated with it, the request starts no second one. */
const token = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Why it can't be rolled back; empty where it can. */
function useMayNot({ namespace }: DeploymentResponse): string {
  const [verbs, setVerbs] = useState<string[] | null>(null);
  useEffect(() => {
    session.rightsIn(namespace, "deployments").then(setVerbs, () => undefined);
  }, [namespace]);
  if (!verbs || verbs.includes("*") || verbs.includes("patch")) return "";
  return `You may look at the flows of ${namespace}, not change them. Ask its administrator for the role dagy-flow-edit.`;
}
