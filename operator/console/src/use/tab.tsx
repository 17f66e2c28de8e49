/** ?tab=use: how flows and pods get the package, in lines that can be copied. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { stream } from "../api/client";
import type { DepPackageResponse } from "../api/schema";
import { revisionsOf } from "../artifact/revisions";
import { API } from "../base";
import { full } from "../state/clock";
import { query } from "../state/route";
import { session } from "../state/session";
import { CopyBlock } from "../ui/copy";
import { Face, Notice } from "../ui/parts";
import { completeBody, completeCall, deployCommand, deployProgram, lookUpCall, podManifest, waitCommand, type Attached } from "./lines";
import { Together } from "./together";

export function UseTab({ shown }: { shown: DepPackageResponse }): JSX.Element {
  const [pinned, setPinned] = useState("");
  const { slug, namespace, name, artifact, build_status, python_version } = shown;
  if (!slug) {
    return (
      <Face icon="clock" title="The slug follows">
        <p>The operator gives the package its slug in a moment. Lines to copy are shown here then.</p>
      </Face>
    );
  }
  const others = (query.value.get("with") ?? "").split(",").filter((one) => SLUG.test(one) && one !== slug);
  const own = pinned ? `${slug}@${pinned}` : slug;
  const api = session.who.value!.server.local ? null : API.href.replace(/\/$/, "");
  const attached: Attached = { namespace, name, packages: [own, ...others], api, python: artifact?.python_version ?? python_version };
  return (
    <>
      {build_status !== "COMPLETED" && !pinned && (
        <Notice tone="warn">
          The package is {build_status}. <code>dagy deploy</code> takes it once it is COMPLETED{artifact ? "; pods get its last good ZIP until then." : ", and pods can't get it before."}
        </Notice>
      )}
      <section class="card" aria-labelledby="which-heading">
        <h2 id="which-heading">Which packages</h2>
        <Pin shown={shown} pinned={pinned} onPin={setPinned} />
        <Together own={own} slug={slug} others={others} namespace={namespace} />
      </section>
      <div class="ways">
        <Way title="Command line" about="Deploys a flow's ZIP with the packages, and waits until it is ready.">
          <CopyBlock text={deployCommand(attached)} name="command line" />
        </Way>
        <Way title="Python" about={api ? "The SDK: pip install dagy." : "The SDK: pip install dagy. It finds the API by DAGY_API_URL."}>
          <CopyBlock text={deployProgram(attached)} name="Python program" />
        </Way>
        <Way title="HTTP" about="complete.json ends an upload and deploys it. The upload gives its first three fields.">
          <CopyBlock text={completeBody(attached)} name="complete.json" />
          <CopyBlock text={completeCall(attached)} name="curl that deploys" />
          <CopyBlock text={lookUpCall(attached)} name="curl that looks the slug up" />
        </Way>
        <Way title="Pod" about="The annotation attaches the packages to any pod, or pod template of a Job or Deployment.">
          <CopyBlock text={podManifest(attached)} name="pod" />
        </Way>
        <Way title="Wait for it" about="Settled: nothing more happens by itself, for better or worse. condition=Ready waits for success.">
          <CopyBlock text={waitCommand(attached)} name="kubectl wait" />
        </Way>
        <Way title="Git" about={shown.managed_by ? `What users decided, as a manifest. It is kept by ${shown.managed_by}.` : "What users decided, as a manifest for kubectl apply, Flux or Argo CD."}>
          <Manifest shown={shown} />
        </Way>
      </div>
    </>
  );
}

const SLUG = /^[A-Z0-9]{8}$/;

const Way = ({ title, about, children }: { title: string; about: string; children: ComponentChildren }) => (
  <section class="card way">
    <h2>{title}</h2>
    <p class="muted">{about}</p>
    {children}
  </section>
);

/** Whether the lines mean the present ZIP at the time, or exactly one. */
function Pin({ shown, pinned, onPin }: { shown: DepPackageResponse; pinned: string; onPin: (sha256: string) => void }): JSX.Element {
  const revisions = revisionsOf(shown);
  return (
    <div class="pin">
      <label class="field select">
        ZIP
        <select value={pinned} onChange={(event) => onPin(event.currentTarget.value)}>
          <option value="">The present one, whichever it is then</option>
          {revisions.map((one) => (
            <option key={one.sha256} value={one.sha256}>
              Exactly that of {full(one.built_at)} · {one.sha256.slice(0, 7)}
            </option>
          ))}
        </select>
      </label>
      <CopyBlock text={pinned ? `${shown.slug}@${pinned}` : shown.slug!} name={pinned ? "pinned slug" : "slug"} />
    </div>
  );
}

function Manifest({ shown }: { shown: DepPackageResponse }): JSX.Element {
  const { namespace, name, etag } = shown;
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const ending = new AbortController();
    const given = { path: { namespace, name }, headers: { accept: "application/yaml" }, signal: ending.signal };
    stream("GET /dep-packages/{namespace}/{name}/manifest", given)
      .then((answer) => answer.text())
      .then(setText, (error: Error) => !ending.signal.aborted && setProblem(error.message));
    return () => ending.abort();
  }, [namespace, name, etag]);
  if (problem) return <Notice tone="bad">{problem}</Notice>;
  return text ? <CopyBlock text={text.trimEnd()} name="manifest" /> : <p class="muted">Reading the manifest…</p>;
}
