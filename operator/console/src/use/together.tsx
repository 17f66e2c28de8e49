/** Further packages beside this one, and whether all of them go together. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { Compatibility } from "../api/schema";
import { rows, version } from "../state/packages";
import { setQuery } from "../state/route";
import { IconButton, Button, Notice, ProblemText } from "../ui/parts";

const MOST = 20; // packages of a pod (docs/attach.md)
const PROPOSED = 50;
const SLUG = /^[A-Z0-9]{8}$/;

interface Props {
  /** The package's slug, pinned or not. */
  own: string;
  slug: string;
  others: string[];
  namespace: string;
}

export function Together({ own, slug, others, namespace }: Props): JSX.Element {
  const [text, setText] = useState("");
  const known = proposals(version.value, namespace, text, [slug, ...others]);
  const wanted = text.trim().toUpperCase();
  const full = others.length + 1 >= MOST;
  const may = SLUG.test(wanted) && wanted !== slug && !others.includes(wanted) && !full;
  const change = (slugs: string[]) => setQuery({ with: slugs.join(",") });
  const add = (event: Event) => {
    event.preventDefault();
    if (!may) return;
    change([...others, wanted]);
    setText("");
  };
  return (
    <div class="together">
      <form class="inline-form" onSubmit={add}>
        <label class="field grow">
          Further package
          <input list="further" value={text} placeholder="Name or slug" spellcheck={false} autocomplete="off" disabled={full} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <datalist id="further">
          {known.map((one) => (
            <option key={one.slug} value={one.slug!}>
              {one.display_name || one.name}
            </option>
          ))}
        </datalist>
        <Button type="submit" icon="plus" disabled={!may} title={full ? `A pod takes ${MOST} packages` : may ? "" : "Choose one of the list, or type a slug"}>
          Add
        </Button>
      </form>
      {others.length > 0 && (
        <>
          <ol class="chosen" aria-label="Packages in their order: of a module in two of them the first one counts">
            <li>
              <code>{slug}</code> <span class="muted">this package</span>
            </li>
            {others.map((one) => (
              <li key={one}>
                <code>{one}</code> <span class="muted">{nameOf(version.value, one)}</span>
                <IconButton icon="cross" label={`Leave ${one} out`} onClick={() => change(others.filter((other) => other !== one))} />
              </li>
            ))}
          </ol>
          <Verdict packages={[own, ...others]} />
        </>
      )}
    </div>
  );
}

/** Packages of the namespace that have a ZIP and match what was typed. `_at`: the state of the list. */
function proposals(_at: number, namespace: string, text: string, without: string[]) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const { data, text: all } of rows()) {
    if (data.namespace !== namespace || !data.slug || !data.package_size || without.includes(data.slug)) continue;
    if (words.every((word) => all.includes(word))) found.push(data);
    if (found.length === PROPOSED) break;
  }
  return found;
}

function nameOf(_at: number, slug: string): string {
  for (const { data } of rows()) if (data.slug === slug) return data.display_name || data.name;
  return "";
}

/** What the webhook would say of a pod with these. */
function Verdict({ packages }: { packages: string[] }): JSX.Element {
  const [found, setFound] = useState<Compatibility | Problem | null>(null);
  const key = packages.join(",");
  useEffect(() => {
    const ending = new AbortController();
    setFound(null);
    call("GET /dep-packages:compatibility", { query: { package: packages }, signal: ending.signal }).then(setFound, (error: unknown) => {
      if (ending.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      setFound(error);
    });
    return () => ending.abort();
  }, [key]);
  if (!found) return <p class="muted" role="status">Comparing their versions and files…</p>;
  if (found instanceof Problem) {
    return (
      <Notice tone="warn" role="status">
        <strong>Not compared.</strong> <ProblemText problem={found} />
      </Notice>
    );
  }
  if (!found.compatible) {
    return (
      <Notice tone="bad" role="status">
        <strong>They can't be attached together.</strong> {found.message} <code class="code-name">{found.reason}</code>
      </Notice>
    );
  }
  return (
    <>
      <Notice tone="good" role="status">
        They can be attached together.
      </Notice>
      {found.warnings.length > 0 && (
        <Notice tone="warn">
          {found.warnings.map((one) => (
            <p key={one}>{one}</p>
          ))}
        </Notice>
      )}
    </>
  );
}
