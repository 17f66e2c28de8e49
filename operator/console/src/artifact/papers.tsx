/** What lies beside a ZIP: its bill of materials, and how it was built. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { BuildRecord } from "../api/schema";
import { full } from "../state/clock";
import { CopyValue } from "../ui/copy";
import { Button } from "../ui/parts";
import { saveText } from "../ui/save";
import { Fact } from "./facts";
import { NotRead, useBill, useRecord, type Which } from "./reading";
import { short } from "./revisions";
import { componentsIn, licencesIn } from "./rows";

export function Bill({ which }: { which: Which }): JSX.Element {
  const reading = useBill(which);
  if (!reading.data) return <NotRead reading={reading} what="the bill of materials" />;
  return <Document which={which} bill={reading.data} />;
}

function Document({ which, bill }: { which: Which; bill: Record<string, unknown> }): JSX.Element {
  const [whole, setWhole] = useState(false);
  const names = useMemo(() => componentsIn(bill), [bill]);
  const licences = useMemo(() => grouped(names, licencesIn(bill)), [bill, names]);
  const text = useMemo(() => JSON.stringify(bill, null, 1), [bill]);
  return (
    <section class="card" aria-labelledby="bill-heading">
      <header class="row-head">
        <h2 id="bill-heading">Bill of materials</h2>
        <span class="tally">
          {String(bill.bomFormat ?? "")} {String(bill.specVersion ?? "")} · {names.length.toLocaleString()} components
        </span>
        <Button icon="download" onClick={() => saveText(text, `${which.name}-${short(which.sha256)}.cdx.json`, "application/vnd.cyclonedx+json")}>
          CycloneDX
        </Button>
      </header>
      <table class="data licences">
        <thead>
          <tr>
            <th scope="col">Licence</th>
            <th scope="col" class="number">
              Packages
            </th>
            <th scope="col">Which</th>
          </tr>
        </thead>
        <tbody>
          {licences.map(([licence, found]) => (
            <tr key={licence}>
              <th scope="row">{licence || <span class="muted">not told</span>}</th>
              <td class="number">{found.length.toLocaleString()}</td>
              <td class="which">{found.slice(0, 8).join(", ") + (found.length > 8 ? ", …" : "")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {whole ? (
        <pre class="document" tabIndex={0} aria-label="The document">
          {text}
        </pre>
      ) : (
        <Button onClick={() => setWhole(true)}>Show the document</Button>
      )}
    </section>
  );
}

/** Names by licence, the most common first, those without one last. */
function grouped(names: string[], licences: Map<string, string>): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const licence = licences.get(name) ?? "";
    found.set(licence, [...(found.get(licence) ?? []), name]);
  }
  return [...found].sort(([a, ones], [b, others]) => Number(!a) - Number(!b) || others.length - ones.length || (a < b ? -1 : 1));
}

export function Built({ which }: { which: Which }): JSX.Element {
  const reading = useRecord(which);
  if (!reading.data) return <NotRead reading={reading} what="the build's record" />;
  return <Told record={reading.data} />;
}

function Told({ record }: { record: BuildRecord }): JSX.Element {
  const steps = Object.entries(record.seconds);
  const all = steps.reduce((sum, [, seconds]) => sum + seconds, 0);
  return (
    <section class="card" aria-labelledby="record-heading">
      <h2 id="record-heading">How it was built</h2>
      <dl class="facts">
        <Fact name="Built">{record.built_at && full(record.built_at)}</Fact>
        <Fact name="uv">{record.uv}</Fact>
        <Fact name="Python">{record.python}</Fact>
        <Fact name="Source distributions">{record.source_distributions}</Fact>
        <Fact name="Image" wide>
          {record.image && <CopyValue text={record.image} name="image" />}
        </Fact>
      </dl>
      {steps.length > 0 && (
        <table class="data space">
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Share of {all.toFixed(1)} s</th>
              <th scope="col" class="number">
                Seconds
              </th>
            </tr>
          </thead>
          <tbody>
            {steps.map(([step, seconds]) => (
              <tr key={step}>
                <th scope="row">{step}</th>
                <td class="taken">
                  <meter min={0} max={all || 1} value={seconds} aria-label={`${step}: ${seconds.toFixed(1)} seconds`} />
                </td>
                <td class="number">{seconds.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
