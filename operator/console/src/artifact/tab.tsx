/** ?tab=artifact: the ZIPs of a package, what lies in each, and how they differ. */
import type { JSX } from "preact";
import { call, Problem } from "../api/client";
import type { DepPackageResponse, RestArtifact } from "../api/schema";
import { PHASES } from "../list/phases";
import { full } from "../state/clock";
import { packagePath, query, setQuery } from "../state/route";
import { session } from "../state/session";
import { toast } from "../state/toasts";
import { Button, Face, Link, Notice } from "../ui/parts";
import { Changes } from "./changes";
import { Contents } from "./contents";
import { Facts } from "./facts";
import { Packages } from "./packages";
import { Bill, Built } from "./papers";
import { comparedWith, isOutdated, revisionIn, revisionsOf, short } from "./revisions";

const PARTS = { contents: "Contents", packages: "Packages", changes: "Changes", sbom: "SBOM", record: "Record" };
type Part = keyof typeof PARTS;

export function ArtifactTab({ shown }: { shown: DepPackageResponse }): JSX.Element {
  const revisions = revisionsOf(shown);
  const asked = query.value.get("revision") ?? "";
  const revision = revisionIn(revisions, asked);
  if (!revisions[0]) return <NoArtifact shown={shown} />;
  if (!revision) return <NotKept asked={asked} />;
  return <One shown={shown} revisions={revisions} revision={revision} />;
}

interface Props {
  shown: DepPackageResponse;
  revisions: RestArtifact[];
  revision: RestArtifact;
}

function One({ shown, revisions, revision }: Props): JSX.Element {
  const { namespace, name, etag } = shown;
  const storage = session.who.value!.server.storage;
  const which = { namespace, name, sha256: revision.sha256 };
  const other = comparedWith(revisions, revision, query.value.get("compare") ?? "");
  const asked = query.value.get("part") as Part;
  const part = asked in PARTS ? asked : "contents";
  return (
    <>
      <section class="card artifact" aria-labelledby="artifact-heading">
        <header class="artifact-head">
          <h2 id="artifact-heading">Artifact</h2>
          <Chooser label="Revision" revisions={revisions} present={shown.artifact} value={revision} onChange={(sha256) => setQuery({ revision: sha256 === revisions[0]!.sha256 ? "" : short(sha256) })} />
          {other && (
            <Chooser label="Compare with" revisions={revisions.filter((one) => one !== revision)} present={shown.artifact} value={other} onChange={(sha256) => setQuery({ compare: short(sha256), part: "changes" })} />
          )}
          <Button icon="download" kind="primary" disabled={!storage} title={storage ? "" : "S3 is not configured here"} onClick={() => void download(which)}>
            Download ZIP
          </Button>
        </header>
        {revision === shown.artifact && isOutdated(shown) && (
          <Notice tone="warn">This ZIP is of an earlier list: the last good build. Pods get it until a newer one is COMPLETED.</Notice>
        )}
        <Facts artifact={revision} />
      </section>
      {storage ? (
        <>
          <div class="segments parts" role="group" aria-label="Parts of the artifact">
            {(Object.keys(PARTS) as Part[]).map((one) => (
              <button key={one} type="button" aria-pressed={part === one} onClick={() => setQuery({ part: one === "contents" ? "" : one })}>
                {PARTS[one]}
              </button>
            ))}
          </div>
          {part === "contents" && <Contents which={which} unpacked={revision.uncompressed_bytes} />}
          {part === "packages" && <Packages which={which} etag={etag} />}
          {part === "changes" && <Changes which={which} from={other} />}
          {part === "sbom" && <Bill which={which} />}
          {part === "record" && <Built which={which} />}
        </>
      ) : (
        <NoStorage />
      )}
    </>
  );
}

function Chooser(props: { label: string; revisions: RestArtifact[]; present: RestArtifact | null | undefined; value: RestArtifact; onChange: (sha256: string) => void }): JSX.Element {
  const { label, revisions, present, value, onChange } = props;
  return (
    <label class="field select">
      {label}
      <select value={value.sha256} onChange={(event) => onChange(event.currentTarget.value)}>
        {revisions.map((one) => (
          <option key={one.sha256} value={one.sha256}>
            {full(one.built_at)}
            {one === present ? " (current)" : ""} · {one.sha256.slice(0, 7)}
          </option>
        ))}
      </select>
    </label>
  );
}

async function download({ namespace, name, sha256 }: { namespace: string; name: string; sha256: string }): Promise<void> {
  try {
    const link = await call("GET /dep-packages/{namespace}/{name}/download", { path: { namespace, name }, query: { redirect: false, sha256 } });
    location.assign(link.url); // which S3 answers with a file to save, so that this page stays
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast("error", error.detail);
  }
}

function NoArtifact({ shown }: { shown: DepPackageResponse }): JSX.Element {
  const { namespace, name, build_status, message } = shown;
  return (
    <Face icon="archive" title="No ZIP yet" actions={<Link to={packagePath(namespace, name)}>Go to the package</Link>}>
      <p>
        It is {build_status}. {message || `${PHASES[build_status].about}.`} Once a build is COMPLETED, its ZIP is shown here.
      </p>
    </Face>
  );
}

function NotKept({ asked }: { asked: string }): JSX.Element {
  return (
    <Face icon="archive" title="This revision is not kept any more" actions={<Button onClick={() => setQuery({ revision: "", compare: "" })}>Show the newest</Button>}>
      <p>
        The package keeps no ZIP whose SHA-256 begins with <code>{asked}</code>. Its revision history limit says how many earlier ones are kept.
      </p>
    </Face>
  );
}

function NoStorage(): JSX.Element {
  const { local } = session.who.value!.server;
  return (
    <Face icon="archive" title="S3 is not configured here">
      <p>
        {local
          ? "The API inside this command has no settings of S3, so it can't open the ZIP. Start dagy console with --url or DAGY_API_URL, which name the API of the cluster."
          : "This API has no settings of S3 (DAGY_S3_BUCKET), so it can't open the ZIP. What the package's status says of it is shown above."}
      </p>
    </Face>
  );
}
