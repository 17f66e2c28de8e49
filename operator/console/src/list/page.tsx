/** /console/packages: all packages of a namespace, or of all. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { call, Problem } from "../api/client";
import { chosen } from "../state/namespaces";
import { packages, type Row } from "../state/packages";
import { go, packagePath, query, setQuery } from "../state/route";
import { toast } from "../state/toasts";
import { Button } from "../ui/parts";
import { useKeys } from "../ui/keys";
import { Held, useHeld } from "./held";
import { Empty, Loading, NoNamespace, NothingMatches, Offline, Refused } from "./faces";
import { Table } from "./table";
import { Toolbar } from "./toolbar";
import { isSort, order, select, type Filter, type Sort } from "./view";

const SLUG = /^[A-Za-z0-9]{8}$/;

export function ListPage(): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  const filter = filterOf(query.value);
  const asked = query.value.get("sort") ?? "";
  const sort: Sort = isSort(asked) ? asked : "-updated";
  // Put in order once for each change, so that a key press has only to choose.
  const ordered = useMemo(() => order(packages.rows(), sort), [packages.version.value, sort]);
  const { counts, all, found } = useMemo(() => select(ordered, filter), [ordered, filter.words, filter.phase, filter.python]);
  const key = JSON.stringify([packages.scope.value, filter, sort, packages.complete.value]);
  const { shown, waiting, show, hold } = useHeld(found, key);
  const onFilter = (change: Partial<Filter>) => {
    const known = change.words && slugOf(change.words);
    if (known) return go(known);
    const { words, phase, python } = { ...filter, ...change };
    setQuery({ q: words, phase, python });
  };
  useKeys({ "/": () => box.current?.select() });
  const count = packages.rowCount();
  const offline = packages.live.value === "offline";
  return (
    <main class="page list-page" id="main">
      <header class="page-head">
        <div class="title">
          <h1>Dep Packages</h1>
          <p class="tally" role="status">
            {(count > 0 || packages.complete.value) && tally(found.length, count)}
          </p>
        </div>
        <Button kind="primary" icon="plus" shortcut="n" onClick={() => go("new")}>
          New Package
        </Button>
      </header>
      {count > 0 && (
        <Toolbar filter={filter} onFilter={onFilter} onEnter={findSlug} counts={counts} all={all} box={box} />
      )}
      {offline && count > 0 && <Offline of={packages} />}
      <Content
        shown={shown}
        empty={count === 0}
        render={() => (
          <Held hold={hold} waiting={waiting} onShow={show}>
            <Table
              rows={shown}
              sort={sort}
              onSort={(next) => setQuery({ sort: next === "-updated" ? "" : next })}
              several={chosen.value === ""}
              dimmed={offline}
            />
          </Held>
        )}
        onClear={() => setQuery({ q: "", phase: "", python: "" })}
        filter={filter}
      />
    </main>
  );
}

function Content(props: { shown: Row[]; empty: boolean; render: () => JSX.Element; onClear: () => void; filter: Filter }): JSX.Element {
  const { shown, empty, render, onClear, filter } = props;
  const problem = packages.problem.value;
  if (empty && problem?.code === "NamespaceRequired") return <NoNamespace />;
  if (empty && problem) return <Refused of={packages} problem={problem} />;
  if (empty && !packages.complete.value) return <Loading what="packages" />;
  if (empty) return <NoPackages />;
  const parts = [filter.words && `“${filter.words}”`, filter.phase, filter.python && `Python ${filter.python}`].filter(Boolean);
  if (!shown.length && packages.complete.value) return <NothingMatches what="package" parts={parts} onClear={onClear} />;
  return render();
}

function NoPackages(): JSX.Element {
  const start = (
    <Button kind="primary" icon="plus" onClick={() => go("new")}>
      New Package
    </Button>
  );
  return (
    <Empty icon="package" what="packages" actions={start}>
      <p>
        A package is a list of Python dependencies for one Python version. DAGY resolves it, builds a ZIP of it, and gives it a slug by which flows
        attach it.
      </p>
    </Empty>
  );
}

function filterOf(query: URLSearchParams): Filter {
  return { words: query.get("q") ?? "", phase: query.get("phase") ?? "", python: query.get("python") ?? "" };
}

function tally(found: number, of: number): string {
  if (!packages.complete.value) return `Loading: ${of.toLocaleString()} so far`;
  if (found === of) return of === 1 ? "1 package" : `${of.toLocaleString()} packages`;
  return `${found.toLocaleString()} of ${of.toLocaleString()}`;
}

/** The page of the package with that slug, if it is in the list: it is what was looked for. */
function slugOf(words: string): string | null {
  if (!SLUG.test(words)) return null;
  for (const { data } of packages.rows()) if (data.slug === words.toUpperCase()) return packagePath(data.namespace, data.name);
  return null;
}

/** Eight characters may be a slug, of whatever namespace. */
async function findSlug(text: string): Promise<void> {
  if (!SLUG.test(text)) return;
  try {
    const found = await call("GET /dep-packages/by-slug/{slug}", { path: { slug: text.toUpperCase() } });
    go(packagePath(found.namespace, found.name));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast("info", error.status === 404 ? `There is no package with the slug ${text.toUpperCase()} that you may see.` : error.detail);
  }
}
