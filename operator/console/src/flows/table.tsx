/** The list of flows as a table. */
import type { JSX } from "preact";
import { Rows, type Column } from "../list/rows";
import type { FlowRow } from "../state/flows";
import { flowPath } from "../state/route";
import { Icon } from "../ui/icons";
import { Link } from "../ui/parts";
import { Slug } from "../ui/slug";
import { FlowBadge, LastRun } from "./badges";
import type { Column as Name, Sort } from "./view";

const COLUMNS: Column<Name>[] = [
  { name: "status", title: "Status" },
  { name: "name", title: "Name" },
  { name: "flow", title: "Flow" },
  { name: "packages", title: "Packages" },
  { name: "run", title: "Last run" },
];
const SLUGS = 2; // shown of each flow; its page has all

interface Props {
  rows: FlowRow[];
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Whether rows of several namespaces may stand here. */
  several: boolean;
  dimmed: boolean;
}

export function Table({ rows, sort, onSort, several, dimmed }: Props): JSX.Element {
  return (
    <Rows
      rows={rows}
      label="Flows"
      columns={COLUMNS}
      sort={sort}
      onSort={onSort}
      low={60}
      tall={132}
      dimmed={dimmed}
      className="flows"
      cells={(row, index) => <Cells data={row.data} index={index} several={several} />}
    />
  );
}

function Cells({ data, index, several }: { data: FlowRow["data"]; index: number; several: boolean }): JSX.Element {
  const slugs = data.dep_package_slugs.map((one) => one.slice(0, 8));
  return (
    <>
      <td role="cell" class="col-status">
        <FlowBadge of={data} />
      </td>
      <td role="cell" class="col-name">
        <div class="name-line">
          <Link to={flowPath(data.namespace, data.name)} class="name" data-index={index}>
            {data.name}
          </Link>
          {several && <span class="where">{data.namespace}</span>}
        </div>
        <p class="message" title={data.message}>
          {data.message}
        </p>
      </td>
      <td role="cell" class="col-flow">
        <p class="clipped">
          {data.flow_name} {data.flow_version}
        </p>
        <When schedule={data.schedule ?? null} suspended={data.suspended} />
      </td>
      <td role="cell" class="col-packages">
        {slugs.slice(0, SLUGS).map((slug) => (
          <Slug key={slug} slug={slug} />
        ))}
        {slugs.length > SLUGS && <span class="muted">+{slugs.length - SLUGS}</span>}
        {!slugs.length && <span class="muted">none</span>}
      </td>
      <td role="cell" class="col-run">
        <LastRun run={data.last_run ?? null} />
      </td>
    </>
  );
}

/** Whether a schedule starts it, or somebody does. */
export function When({ schedule, suspended }: { schedule: string | null; suspended: boolean }): JSX.Element {
  if (!schedule) return <p class="message">on request</p>;
  return (
    <p class="message" title={suspended ? "The schedule is stopped" : "Started by this schedule"}>
      <Icon name="clock" /> <code>{schedule}</code>
      {suspended && " stopped"}
    </p>
  );
}
