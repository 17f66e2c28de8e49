/** The revisions of a flow that are kept, and the way back to one. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { DeploymentResponse, RestRevisionSummary } from "../api/schema";
import { ago, full, now } from "../state/clock";
import { Button } from "../ui/parts";
import { rollBack } from "./actions";
import { Confirm } from "./confirm";

interface Props {
  of: DeploymentResponse;
  /** Why nobody can roll back here; empty where one can. */
  mayNot: string;
  onDone: () => void;
}

export function Revisions({ of, mayNot, onDone }: Props): JSX.Element {
  const [asked, setAsked] = useState<RestRevisionSummary | null>(null);
  const present = of.history.find((one) => one.revision === of.revision);
  return (
    <section class="card" aria-labelledby="revisions-heading">
      <header class="card-head">
        <h2 id="revisions-heading">Revisions</h2>
        <p class="muted">{of.history.length ? `${of.history.length} kept` : ""}</p>
      </header>
      {of.history.length ? (
        <div class="wide-table" role="group" aria-labelledby="revisions-heading" tabIndex={0}>
          <table class="records" role="table">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">Revision</th>
                <th scope="col" role="columnheader">Version</th>
                <th scope="col" role="columnheader">Deployed</th>
                <th scope="col" role="columnheader">Packages</th>
                <th scope="col" role="columnheader">Image</th>
                <th scope="col" role="columnheader">
                  <span class="unseen">Roll back</span>
                </th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {of.history.map((one) => (
                <tr key={one.revision} role="row">
                  <th scope="row" role="rowheader" data-title="Revision">
                    {one.revision}
                  </th>
                  <td role="cell" data-title="version">{one.flow_version}</td>
                  <td role="cell">
                    <time dateTime={one.deployed_at} title={full(one.deployed_at)}>
                      {ago(one.deployed_at, now.value)}
                    </time>
                  </td>
                  <td role="cell">
                    {one.packages.map((pin) => (
                      <code key={pin.slug} class="flow-pin" title={`${pin.namespace}/${pin.name} @ ${pin.sha256}`}>
                        {pin.slug}@{pin.sha256.slice(0, 7)}
                      </code>
                    ))}
                    {!one.packages.length && <span class="muted">none</span>}
                  </td>
                  <td role="cell">
                    <code>{one.image}</code>
                  </td>
                  <td role="cell" class="end">
                    {one.revision === of.revision ? (
                      <span class="tag good">present</span>
                    ) : (
                      <Button icon="undo" disabled={Boolean(mayNot)} title={mayNot || `Deploy revision ${one.revision} again`} onClick={() => setAsked(one)}>
                        Roll back
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="muted">Nothing is deployed yet.</p>
      )}
      {asked && (
        <Confirm title={`Roll back to revision ${asked.revision}?`} does={`Roll back to ${asked.revision}`} icon="undo" work={async () => (await rollBack(of, asked.revision)) && onDone()} onClose={() => setAsked(null)}>
          <p>
            Revision {asked.revision} is deployed again as a new revision, with the code and the ZIPs that it had. What runs now goes on as it is; runs
            that start from then on are made from it{of.schedule ? ", those of the schedule too" : ""}.
          </p>
          <dl class="differences">
            {differences(present, asked).map(([what, before, after]) => (
              <div key={what}>
                <dt>{what}</dt>
                <dd>
                  <del>{before}</del> → <ins>{after}</ins>
                </dd>
              </div>
            ))}
          </dl>
        </Confirm>
      )}
    </section>
  );
}

/** What a roll back changes: what it is, how it is now, and how it will be. */
function differences(from: RestRevisionSummary | undefined, to: RestRevisionSummary): [string, string, string][] {
  if (!from) return [];
  const pins = (one: RestRevisionSummary) => new Map(one.packages.map((pin) => [pin.slug, pin.sha256]));
  const [before, after] = [pins(from), pins(to)];
  const short = (sha: string | undefined) => sha?.slice(0, 12) ?? "not attached";
  const slugs = [...new Set([...before.keys(), ...after.keys()])];
  const all: [string, string, string][] = [
    ["Version", from.flow_version, to.flow_version],
    ["Code", short(from.artifact?.sha256), short(to.artifact?.sha256)],
    ["Image", from.image, to.image],
    ...slugs.map((slug): [string, string, string] => [slug, short(before.get(slug)), short(after.get(slug))]),
  ];
  return all.filter(([, old, now]) => old !== now);
}
