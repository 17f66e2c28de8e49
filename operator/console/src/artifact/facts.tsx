/** What status says of a ZIP. */
import type { ComponentChildren, JSX } from "preact";
import type { RestArtifact } from "../api/schema";
import { bytes, full } from "../state/clock";
import { CopyValue } from "../ui/copy";
import { Notice } from "../ui/parts";
import { short } from "./revisions";

export function Facts({ artifact }: { artifact: RestArtifact }): JSX.Element {
  const { size_bytes, uncompressed_bytes, file_count, package_count, python_version, architecture, glibc } = artifact;
  const { zip_importable, built_at, sha256, uri, warnings } = artifact;
  return (
    <>
      <dl class="facts">
        <Fact name="ZIP">{bytes(size_bytes)}</Fact>
        <Fact name="Unpacked">{bytes(uncompressed_bytes)}</Fact>
        <Fact name="Files">{file_count.toLocaleString()}</Fact>
        <Fact name="Packages">{package_count.toLocaleString()}</Fact>
        <Fact name="Python">{python_version}</Fact>
        <Fact name="Platform">
          {architecture} · glibc {glibc}
        </Fact>
        <Fact name="Use">{zip_importable ? "Importable as a ZIP" : "Must be extracted"}</Fact>
        <Fact name="Built">
          <time dateTime={built_at}>{full(built_at)}</time>
        </Fact>
        <Fact name="SHA-256">
          <CopyValue text={sha256} shown={`${short(sha256)}…`} name="SHA-256" />
        </Fact>
        <Fact name="S3 URI" wide>
          <CopyValue text={uri} name="S3 URI" />
        </Fact>
      </dl>
      {warnings.length > 0 && (
        <Notice tone="warn">
          {warnings.map((one) => (
            <p key={one}>{one}</p>
          ))}
        </Notice>
      )}
    </>
  );
}

/** A name and what it is; nothing where that is not known. */
export const Fact = ({ name, wide, children }: { name: string; wide?: boolean; children: ComponentChildren }) =>
  children ? (
    <div class={wide ? "wide" : ""}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  ) : null;
