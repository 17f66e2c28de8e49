/** The flow deployments that use a package. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { DeploymentPin, DeploymentSummary } from "../api/schema";
import { packages } from "../state/packages";
import { flowPath } from "../state/route";
import { Link, Notice, ProblemText } from "../ui/parts";
import { LastRun } from "./badges";

const MOST = 500;
const FEW = 5;

export interface User {
  flow: DeploymentSummary;
  /** The artifact that it runs with, which keeps the package from being deleted; null where it only asks for it. */
  pin: DeploymentPin | null;
}

export interface Found {
  users: User[];
  /** The namespace that was looked at; null for all. */
  within: string | null;
  /** Whether there are more than were read. */
  more: boolean;
}

/** Who uses the package; looked up again with each `version`. */
export function useUsers(namespace: string, slug: string | null, version: unknown = null): { found: Found | null; problem: Problem | null } {
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (!slug) return;
    const ending = new AbortController();
    users(namespace, slug, ending.signal).then(setFound, (error: unknown) => {
      if (error instanceof Problem) setProblem(error);
    });
    return () => ending.abort();
  }, [namespace, slug, version]);
  return { found, problem };
}

async function users(namespace: string, dep_package: string, signal: AbortSignal): Promise<Found> {
  // Who could list the packages of all namespaces can list their flows, too: one role has both.
  const everywhere = packages.scope.value === "" && packages.complete.value;
  const query = { dep_package, limit: MOST, ...(everywhere ? {} : { namespace }) };
  const page = await call("GET /deployments:summaries", { query, signal });
  const found = page.items.map((flow) => ({ flow, pin: flow.packages.find((one) => one.slug === dep_package) ?? null }));
  return { users: found, within: everywhere ? null : namespace, more: Boolean(page.next_cursor) };
}

/** The package's own card: who uses it, with which artifact, and what that means. `sha256`: of the present artifact. */
export function UsedBy(props: { namespace: string; slug: string; sha256: string | null }): JSX.Element {
  const { namespace, slug, sha256 } = props;
  const { found, problem } = useUsers(namespace, slug, sha256);
  const blocking = found?.users.filter((one) => one.pin).length ?? 0;
  return (
    <section class="card used" aria-labelledby="used-heading">
      <header class="card-head">
        <h2 id="used-heading">Used by</h2>
        {found && <p class="muted">{count(found)}</p>}
      </header>
      {problem && (
        <Notice tone="warn">
          <ProblemText problem={problem} />
        </Notice>
      )}
      <Users found={found} sha256={sha256} />
      {blocking > 0 && <p class="muted">{blocking === 1 ? "As long as it runs with it, the package is not deleted." : "As long as they run with it, the package is not deleted."}</p>}
    </section>
  );
}

const count = ({ users, more }: Found) => (users.length === 1 ? "1 flow" : `${users.length.toLocaleString()}${more ? " and more" : ""} flows`);

export function Users({ found, sha256, few = false }: { found: Found | null; sha256: string | null; few?: boolean }): JSX.Element | null {
  const [all, setAll] = useState(false);
  if (!found) return <p class="muted">Looking which flows use it…</p>;
  const { users, within } = found;
  const shown = all ? users : users.slice(0, FEW);
  const where = within === null ? "" : ` of ${within}`;
  return (
    <>
      {users.length ? (
        <ul class="users">
          {shown.map(({ flow, pin }) => (
            <li key={flow.id}>
              <Link to={flowPath(flow.namespace, flow.name)}>
                {flow.namespace}/{flow.name}
              </Link>
              <span class="muted">{pin ? `revision ${flow.revision}` : "asks for it, not deployed with it yet"}</span>
              {pin && sha256 && <Pinned current={pin.sha256 === sha256} />}
              {!few && <LastRun run={flow.last_run ?? null} />}
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">No flow{where} uses it.</p>
      )}
      {users.length > shown.length && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          Show all {users.length.toLocaleString()}
        </button>
      )}
      {within !== null && <p class="muted small">Flows of other namespaces are not looked at here.</p>}
    </>
  );
}

/** Whether a flow runs with what the package is now. */
export function Pinned({ current }: { current: boolean }): JSX.Element {
  return current ? (
    <span class="tag good" title="The flow runs with the package's present ZIP">
      current
    </span>
  ) : (
    <span class="tag warn" title="The package was built again since; deploy the flow again to take it over">
      earlier build
    </span>
  );
}
