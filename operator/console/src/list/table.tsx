/** The list of packages as a table. */
import type { JSX } from "preact";
import { ago, bytes, full, now } from "../state/clock";
import type { Row } from "../state/packages";
import { packagePath } from "../state/route";
import { Link } from "../ui/parts";
import { Slug } from "../ui/slug";
import { Badge, Deleting } from "./badge";
import { PackageMenu } from "./menu";
import { Rows, type Column } from "./rows";
import type { Column as Name, Sort } from "./view";

const COLUMNS: Column<Name | "actions">[] = [
  { name: "status", title: "Status" },
  { name: "name", title: "Name" },
  { name: "slug", title: "Slug" },
  { name: "python", title: "Python" },
  { name: "deps", title: "Deps" },
  { name: "size", title: "Size" },
  { name: "updated", title: "Updated" },
  { name: "actions", title: "Actions", silent: true },
];

interface Props {
  rows: Row[];
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
      label="Dep Packages"
      columns={COLUMNS}
      sort={sort}
      onSort={(next) => onSort(next as Sort)}
      low={60}
      tall={112}
      dimmed={dimmed}
      className="packages"
      cells={(row, index) => <Cells data={row.data} index={index} several={several} />}
    />
  );
}

function Cells({ data, index, several }: { data: Row["data"]; index: number; several: boolean }): JSX.Element {
  const name = data.display_name || data.name;
  const where = several ? `${data.namespace}/${data.name}` : name === data.name ? "" : data.name;
  const told = sentence(data);
  return (
    <>
      <td role="cell" class="col-status">
        {data.deleting ? <Deleting blocked={data.deletion_blocked} /> : <Badge phase={data.build_status} />}
      </td>
      <td role="cell" class="col-name">
        <div class="name-line">
          <Link to={packagePath(data.namespace, data.name)} class="name" data-index={index}>
            {name}
          </Link>
          {where && <span class="where">{where}</span>}
        </div>
        <p class={`message ${data.deletion_blocked ? "warn" : ""}`} title={told}>
          {told}
        </p>
      </td>
      <td role="cell" class="col-slug">
        <Slug slug={data.slug ?? null} />
      </td>
      <td role="cell" class="col-python">
        <span class="only-narrow">Python </span>
        {data.python_version}
      </td>
      <td role="cell" class="col-deps">
        {data.dependency_count}
        <span class="only-narrow"> deps</span>
      </td>
      <td role="cell" class="col-size">
        {bytes(data.package_size)}
        {data.outdated && (
          <span class="earlier" title="The last good build, of an earlier list">
            earlier list
          </span>
        )}
      </td>
      <td role="cell" class="col-updated">
        <time dateTime={data.updated_at} title={full(data.updated_at)}>
          {ago(data.updated_at, now.value)}
        </time>
      </td>
      <td role="cell" class="col-actions">
        <PackageMenu of={{ ...data, built: data.package_size != null }} />
      </td>
    </>
  );
}

function sentence(data: Row["data"]): string {
  if (data.deleting) return data.deletion_blocked ? data.message : "Being deleted";
  const { build_status, queue_position, message } = data;
  return (build_status === "QUEUED" && queue_position ? `${ordinal(queue_position)} in the queue. ` : "") + message;
}

const ENDINGS: Partial<Record<Intl.LDMLPluralRule, string>> = { one: "st", two: "nd", few: "rd" };
const rules = new Intl.PluralRules("en", { type: "ordinal" });
const ordinal = (count: number) => `${count}${ENDINGS[rules.select(count)] ?? "th"}`;
