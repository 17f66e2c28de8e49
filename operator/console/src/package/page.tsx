/** /console/packages/NAMESPACE/NAME: one package, to look at and to change. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Problem } from "../api/client";
import type { DepPackageResponse } from "../api/schema";
import { ArtifactTab } from "../artifact/tab";
import { Dependencies } from "../editor/dependencies";
import { draftOf, Editing, emptyDraft, type Draft } from "../editor/draft";
import { UsedBy } from "../flows/used";
import { Badge } from "../list/badge";
import { NoNamespace } from "../list/faces";
import { PackageMenu } from "../list/menu";
import { chooseAtFirst, chosen } from "../state/namespaces";
import { go, packagePath, query } from "../state/route";
import { session } from "../state/session";
import { Button, Face, Link, Notice, ProblemText } from "../ui/parts";
import { Slug } from "../ui/slug";
import { UseTab } from "../use/tab";
import { act, doing, onTheirs, refused, type Wanted } from "./actions";
import { Bar } from "./bar";
import { Changed } from "./changed";
import { Details } from "./details";
import { Logs } from "./logs";
import { Shown } from "./shown";
import { useMayNot, useStanding } from "./standing";
import { Steps } from "./steps";
import { Validation, Verdict } from "./validation";

/** A new package: empty, or with the list of another one, whose address is in `from`. */
export function NewPage(): JSX.Element {
  const pythons = session.who.value!.server.python_versions;
  const from = query.value.get("from");
  if (!chosen.value) {
    return (
      <main class="page" id="main">
        <NoNamespace level={1} />
      </main>
    );
  }
  if (from) return <Copy key={from} from={from} />;
  return <New id="new" draft={emptyDraft(pythons.at(-2) ?? pythons[0]!)} original={null} />;
}

/** The draft of a package like another one; nothing is saved. */
function Copy({ from }: { from: string }): JSX.Element {
  const [namespace = "", name = ""] = from.split("/");
  const shown = useMemo(() => new Shown(namespace, name), [from]);
  useEffect(() => () => shown.close(), [shown]);
  const [original, setOriginal] = useState<DepPackageResponse | null>(null);
  const { data, problem } = shown;
  if (data.value && !original) setOriginal(data.value);
  if (!original) return <main class="page" id="main">{problem.value && <Missing problem={problem.value} />}</main>;
  const draft = draftOf(original);
  return <New id={`copy of ${from}`} draft={{ ...draft, name: `${draft.name} copy` }} original={original} />;
}

function New({ id, draft, original }: { id: string; draft: Draft; original: DepPackageResponse | null }): JSX.Element {
  const editing = useMemo(() => new Editing(id, draft, null), []);
  const key = useMemo(() => crypto.randomUUID?.() ?? String(Math.random()), []);
  const mayNot = useMayNot(chosen.value, "create");
  useEffect(() => void (refused.value = null), []);
  const run = async (wanted: Wanted) => {
    const now = await act(wanted, editing, null, chosen.value, key);
    if (now) go(packagePath(now.namespace, now.name), { replace: true });
  };
  return (
    <main class="page package-page" id="main">
      <Back />
      <header class="page-head">
        <div class="title">
          <h1>New Package</h1>
          <p class="muted">
            in {chosen.value}
            {original && `, with the list of ${original.display_name || original.name}. Nothing is saved yet`}. Its slug is assigned on the first save.
          </p>
        </div>
      </header>
      {original?.index && <Notice tone="info">The index of its own that {original.name} has is not copied.</Notice>}
      {mayNot && <Notice tone="info">{mayNot}</Notice>}
      <Refusal />
      <Details editing={editing} readOnly={mayNot !== null} refused={refused.value} isNew />
      <Dependencies editing={editing} namespace={chosen.value} readOnly={mayNot !== null} errors={[]} ownIndex={false} />
      {!mayNot && <Bar editing={editing} isNew run={run} auto={false} />}
    </main>
  );
}

export function PackagePage({ namespace, name }: { namespace: string; name: string }): JSX.Element {
  const shown = useMemo(() => new Shown(namespace, name), [namespace, name]);
  useEffect(() => {
    refused.value = null;
    chooseAtFirst(namespace);
    return () => shown.close();
  }, [shown]);
  const data = shown.data.value;
  const problem = shown.problem.value;
  if (data) return <Loaded key={data.id} shown={shown} data={data} />;
  return (
    <main class="page" id="main">
      {problem && <Missing problem={problem} />}
    </main>
  );
}

const TABS = [
  ["", "Package"],
  ["logs", "Build Logs"],
  ["artifact", "Artifact"],
  ["use", "Use it"],
] as const;
const tabIn = (query: URLSearchParams) => TABS.find(([one]) => one === query.get("tab"))?.[0] ?? "";

function Missing({ problem }: { problem: Problem }): JSX.Element {
  return (
    <Face level={1} icon="search" title={problem.status === 404 ? "There is no such package" : problem.title} actions={<Button onClick={() => go("packages")}>Dep Packages</Button>}>
      <p>
        <ProblemText problem={problem} />
      </p>
    </Face>
  );
}

function Loaded({ shown, data }: { shown: Shown; data: DepPackageResponse }): JSX.Element {
  const { namespace, name } = data;
  const editing = useMemo(() => new Editing(`${namespace}/${name}`, draftOf(data), data.etag), []);
  const here = packagePath(namespace, name);
  const tab = tabIn(query.value);
  const { readOnly, strip } = useStanding(data, shown.problem.value?.status === 404);
  const changed = editing.changed.value;
  const [comparing, setComparing] = useState(false);
  const behind = editing.tag !== data.etag && !doing.value;
  const own = changed || editing.draft.value.conflicts.length > 0;
  // Somebody else's change is taken over as long as there is nothing of one's own.
  useEffect(() => {
    if (behind && !own) void onTheirs(editing, data, null);
  }, [data.etag, behind, own]);
  const run = async (wanted: Wanted) => {
    const now = await act(wanted, editing, { namespace, name, etag: editing.tag! }, namespace, "");
    if (now) shown.data.value = now;
    await shown.read();
  };
  const closeChanged = () => {
    setComparing(false);
    refused.value = null;
  };
  const title = data.display_name || name;
  useEffect(() => void (document.title = `${title} · DAGY`), [title]);
  return (
    <main class="page package-page" id="main">
      <Back />
      <header class="page-head">
        <div class="title">
          <h1>{title}</h1>
          {tab !== "" && <Slug slug={data.slug ?? null} />}
          <Badge phase={data.build_status} />
          <Verdict shown={data} changed={changed} />
          {changed && <span class="unsaved">unsaved changes</span>}
        </div>
        <nav class="segments" aria-label="Parts of the package">
          {TABS.map(([one, title]) => (
            <Link key={one} to={one ? `${here}?tab=${one}` : here} aria-current={tab === one ? "page" : undefined}>
              {title}
            </Link>
          ))}
        </nav>
        <PackageMenu of={{ ...data, built: Boolean(data.artifact) }} onPage />
      </header>
      {strip}
      {behind && own && !readOnly && (
        <Notice tone="warn" action={<Button onClick={() => setComparing(true)}>Compare</Button>}>
          Somebody else has saved this package since you began. Nothing of yours is lost.
        </Notice>
      )}
      {!data.deleting && <Steps shown={data} doing={doing.value} changed={changed} readOnly={readOnly} />}
      <Refusal />
      {tab === "logs" && <Logs shown={data} />}
      {tab === "artifact" && <ArtifactTab shown={data} />}
      {tab === "use" && <UseTab shown={data} />}
      {tab === "" && (
        <>
          <Validation shown={data} editing={editing} readOnly={readOnly} onValidate={() => void run("validate")} />
          <Details editing={editing} readOnly={readOnly} refused={refused.value} isNew={false} slug={data.slug ?? null} />
          <Dependencies editing={editing} namespace={namespace} readOnly={readOnly} errors={data.build_status === "INVALID" ? (data.validation?.errors ?? []) : []} ownIndex={Boolean(data.index)} />
          {data.slug && <UsedBy namespace={namespace} slug={data.slug} sha256={data.artifact?.sha256 ?? null} />}
          {!readOnly && <Bar editing={editing} isNew={false} run={run} auto={data.build_policy === "Auto"} />}
        </>
      )}
      {(comparing || refused.value?.status === 412) && <Changed editing={editing} namespace={namespace} name={name} onClose={closeChanged} />}
    </main>
  );
}

const Back = () => (
  <Link to="packages" class="back">
    ‹ Dep Packages
  </Link>
);

function Refusal(): JSX.Element | null {
  const problem = refused.value;
  if (!problem || problem.status === 412) return null;
  return (
    <Notice tone="bad" role="alert">
      <strong>{problem.title}.</strong> <ProblemText problem={problem} />
    </Notice>
  );
}
