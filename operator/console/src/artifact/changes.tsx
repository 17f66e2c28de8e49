/** How two ZIPs of a package differ. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { RestArtifact } from "../api/schema";
import { full } from "../state/clock";
import { CopyButton } from "../ui/copy";
import { Face } from "../ui/parts";
import { changesOf, difference, markdownOf, type Change } from "./differences";
import { NotRead, useDiff, type Which } from "./reading";

export function Changes({ which, from }: { which: Which; from: RestArtifact | undefined }): JSX.Element {
  if (!from) {
    return (
      <Face icon="archive" title="Nothing to compare with">
        <p>This is the only ZIP that is kept. After the next build its changes are shown here.</p>
      </Face>
    );
  }
  return <Between which={which} from={from} />;
}

function Between({ which, from }: { which: Which; from: RestArtifact }): JSX.Element {
  const reading = useDiff(which, from.sha256);
  const changes = useMemo(() => (reading.data ? changesOf(reading.data) : []), [reading.data]);
  if (!reading.data) return <NotRead reading={reading} what="both locks" />;
  const count = changes.length === 1 ? "1 change" : `${changes.length.toLocaleString()} changes`;
  return (
    <section class="card" aria-labelledby="changes-heading">
      <header class="row-head">
        <h2 id="changes-heading">{changes.length ? count : "They hold the same packages"}</h2>
        <span class="tally">since {full(from.built_at)}</span>
        {changes.length > 0 && <CopyButton text={markdownOf(changes)} name="changes as Markdown" label="Copy as Markdown" />}
      </header>
      {changes.length > 0 && (
        <table class="data changes">
          <thead>
            <tr>
              <th scope="col">Change</th>
              <th scope="col">Package</th>
              <th scope="col">Version</th>
              <th scope="col" class="number">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {changes.map((one) => (
              <Line key={one.name} change={one} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const Line = ({ change: { what, name, from, to, grown } }: { change: Change }) => (
  <tr>
    <td>
      <span class={`tag change ${what}`}>{what}</span>
    </td>
    <th scope="row">{name}</th>
    <td class="versions">{from && to ? `${from} → ${to}` : (from ?? to)}</td>
    <td class="number">{difference(grown)}</td>
  </tr>
);
