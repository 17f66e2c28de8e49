/** The packages that a flow runs with, and whether they are what the packages are now. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { DeploymentResponse, RestPinnedPackage } from "../api/schema";
import { bytes } from "../state/clock";
import { packagePath } from "../state/route";
import { Link } from "../ui/parts";
import { Slug } from "../ui/slug";
import { Pinned } from "./used";

/** SHA-256 of a package's present ZIP; "" without one, null where it may not be seen. */
type Present = ReadonlyMap<string, string | null>;

export function Packages({ of }: { of: DeploymentResponse }): JSX.Element {
  const present = usePresent(of.packages);
  const waiting = of.dep_package_slugs.map((one) => one.slice(0, 8)).filter((slug) => !of.packages.some((one) => one.slug === slug));
  return (
    <section class="card" aria-labelledby="packages-heading">
      <header class="card-head">
        <h2 id="packages-heading">Packages</h2>
        <p class="muted">{of.packages.length ? "in the order of precedence, each pinned to one ZIP" : ""}</p>
      </header>
      {!of.packages.length && !waiting.length && <p class="muted">It runs without packages.</p>}
      {of.packages.length > 0 && (
        <div class="wide-table" role="group" aria-labelledby="packages-heading" tabIndex={0}>
          <table class="records" role="table">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">Slug</th>
                <th scope="col" role="columnheader">Package</th>
                <th scope="col" role="columnheader">Pinned ZIP</th>
                <th scope="col" role="columnheader">Python</th>
                <th scope="col" role="columnheader">Size</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {of.packages.map((one) => (
                <One key={one.slug} pin={one} present={present.get(one.slug)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {waiting.length > 0 && (
        <p>
          Asked for, and not deployed yet:{" "}
          {waiting.map((slug) => (
            <Slug key={slug} slug={slug} />
          ))}
        </p>
      )}
    </section>
  );
}

function One({ pin, present }: { pin: RestPinnedPackage; present: string | null | undefined }): JSX.Element {
  return (
    <tr role="row">
      <td role="cell">
        <Slug slug={pin.slug} />
      </td>
      <th scope="row" role="rowheader">
        <Link to={packagePath(pin.namespace, pin.name)}>
          {pin.namespace}/{pin.name}
        </Link>
      </th>
      <td role="cell">
        <code title={pin.sha256}>{pin.sha256.slice(0, 12)}</code>{" "}
        {present === null ? <span class="muted">its package can't be seen by you</span> : present !== undefined && <Pinned current={present === pin.sha256} />}
      </td>
      <td role="cell" data-title="Python">{pin.python_version}</td>
      <td role="cell">{bytes(pin.size_bytes)}</td>
    </tr>
  );
}

function usePresent(pins: RestPinnedPackage[]): Present {
  const [present, setPresent] = useState<Present>(new Map());
  const key = pins.map((one) => `${one.slug}@${one.sha256}`).join();
  useEffect(() => {
    const ending = new AbortController();
    void Promise.all(pins.map(async (pin) => [pin.slug, await shaOf(pin, ending.signal)] as const)).then(
      (found) => setPresent(new Map(found)),
      () => undefined, // another flow is shown, or nothing answers: nothing is said then
    );
    return () => ending.abort();
  }, [key]);
  return present;
}

async function shaOf({ namespace, name }: RestPinnedPackage, signal: AbortSignal): Promise<string | null> {
  try {
    const found = await call("GET /dep-packages/{namespace}/{name}", { path: { namespace, name }, signal });
    return found.artifact?.sha256 ?? "";
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
