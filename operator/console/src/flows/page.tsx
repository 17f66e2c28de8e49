/** /console/flows: all flow deployments of a namespace, or of all. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { Empty, Loading, NoNamespace, NothingMatches, Offline, Refused } from "../list/faces";
import { Held, useHeld } from "../list/held";
import { Chips, SearchBox } from "../list/toolbar";
import { flows, type FlowRow } from "../state/flows";
import { chosen } from "../state/namespaces";
import { query, setQuery } from "../state/route";
import { useKeys } from "../ui/keys";
import { FLOW_STATES } from "./badges";
import { Table } from "./table";
import { isSort, order, ORDER, select, type Filter, type Sort } from "./view";

const SORT: Sort = "-run";

export function FlowsPage(): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  const filter: Filter = { words: query.value.get("q") ?? "", state: query.value.get("state") ?? "" };
  const asked = query.value.get("sort") ?? "";
  const sort = isSort(asked) ? asked : SORT;
  const ordered = useMemo(() => order(flows.rows(), sort), [flows.version.value, sort]);
  const { counts, all, found } = useMemo(() => select(ordered, filter), [ordered, filter.words, filter.state]);
  const key = JSON.stringify([flows.scope.value, filter, sort, flows.complete.value]);
  const { shown, waiting, show, hold } = useHeld(found, key);
  useKeys({ "/": () => box.current?.select() });
  const count = flows.rowCount();
  const offline = flows.live.value === "offline";
  return (
    <main class="page list-page" id="main">
      <header class="page-head">
        <div class="title">
          <h1>Flows</h1>
          <p class="tally" role="status">
            {(count > 0 || flows.complete.value) && tally(found.length, count)}
          </p>
        </div>
      </header>
      {count > 0 && (
        <div class="toolbar">
          <SearchBox box={box} label="Filter by name, flow, slug or message" words={filter.words} onWords={(q) => setQuery({ q })} />
          <Chips name="Status" order={ORDER} looks={FLOW_STATES} counts={counts} all={all} chosen={filter.state} onChoose={(state) => setQuery({ state })} />
        </div>
      )}
      {offline && count > 0 && <Offline of={flows} />}
      <Content shown={shown} filter={filter}>
        {() => (
          <Held hold={hold} waiting={waiting} onShow={show}>
            <Table rows={shown} sort={sort} onSort={(next) => setQuery({ sort: next === SORT ? "" : next })} several={chosen.value === ""} dimmed={offline} />
          </Held>
        )}
      </Content>
    </main>
  );
}

function Content({ shown, filter, children }: { shown: FlowRow[]; filter: Filter; children: () => JSX.Element }): JSX.Element {
  const problem = flows.problem.value;
  const empty = flows.rowCount() === 0;
  if (empty && problem?.code === "NamespaceRequired") return <NoNamespace what="flows" />;
  if (empty && problem) return <Refused of={flows} problem={problem} />;
  if (empty && !flows.complete.value) return <Loading what="flows" />;
  if (empty) return <NoFlows />;
  const parts = [filter.words && `“${filter.words}”`, filter.state].filter(Boolean);
  if (!shown.length && flows.complete.value) return <NothingMatches what="flow" parts={parts} onClear={() => setQuery({ q: "", state: "" })} />;
  return children();
}

function NoFlows(): JSX.Element {
  return (
    <Empty icon="flow" what="flows">
      <p>A flow is a program of yours that is deployed with packages, and run on a schedule or on request. Deploy one with</p>
      <pre class="flow-command">{"dagy deploy flow.zip \\\n  --deployment my-pipeline --dep-packages SLUG"}</pre>
    </Empty>
  );
}

function tally(found: number, of: number): string {
  if (!flows.complete.value) return `Loading: ${of.toLocaleString()} so far`;
  if (found === of) return of === 1 ? "1 flow" : `${of.toLocaleString()} flows`;
  return `${found.toLocaleString()} of ${of.toLocaleString()}`;
}
