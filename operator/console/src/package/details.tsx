/** What the package is called, and for which Python and platform it is. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/client";
import type { Draft, Editing } from "../editor/draft";
import { session } from "../state/session";
import { Slug } from "../ui/slug";

interface Props {
  editing: Editing;
  readOnly: boolean;
  refused: Problem | null;
  /** Whether it was never saved. */
  isNew: boolean;
  /** Null until the operator has given it one. */
  slug?: string | null;
}

export function Details({ editing, readOnly, refused, isNew, slug = null }: Props): JSX.Element {
  const { name, description, python, architecture, glibc } = editing.draft.value;
  const { python_versions, limits } = session.who.value!.server;
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isNew) first.current?.focus();
  }, [isNew]);
  const change = (part: Partial<Draft>) => editing.change(part);
  const faults = new Map(refused?.errors.map((one) => [one.field, one.message]));
  const wrong = (field: string) => faults.get(field);
  return (
    <section class="card details" aria-labelledby="details-heading">
      <header class="details-head">
        <h2 id="details-heading">Package Details</h2>
        {!isNew && <Slug slug={slug} />}
      </header>
      <div class="fields">
        <label class="field grow">
          Name
          <input
            ref={first}
            value={name}
            maxLength={limits.name}
            required
            readOnly={readOnly}
            placeholder="ML Pipeline Deps"
            aria-invalid={Boolean(wrong("display_name"))}
            onInput={(event) => change({ name: event.currentTarget.value })}
          />
          <Fault text={wrong("display_name")} />
        </label>
        <label class="field select">
          Python Version
          <select value={python} disabled={readOnly} onChange={(event) => change({ python: event.currentTarget.value })}>
            {python_versions.map((version) => (
              <option key={version} value={version}>
                {version}
              </option>
            ))}
          </select>
        </label>
        <label class="field select">
          Platform
          <select value={architecture} disabled={readOnly} onChange={(event) => change({ architecture: event.currentTarget.value as Draft["architecture"] })}>
            <option value="amd64">amd64</option>
            <option value="arm64">arm64</option>
          </select>
        </label>
        <label class="field short" title="Oldest glibc among the images that run the flows; 2.28 suits Debian 10, RHEL 8 and later">
          glibc
          <input
            value={glibc}
            maxLength={5}
            readOnly={readOnly}
            inputMode="decimal"
            aria-invalid={Boolean(wrong("platform.glibc"))}
            onInput={(event) => change({ glibc: event.currentTarget.value })}
          />
          <Fault text={wrong("platform.glibc")} />
        </label>
        <label class="field whole">
          Description
          <textarea rows={2} value={description} maxLength={limits.description} readOnly={readOnly} placeholder="Optional context" onInput={(event) => change({ description: event.currentTarget.value })} />
        </label>
      </div>
    </section>
  );
}

const Fault = ({ text }: { text: string | undefined }) => (text ? <span class="fault">{text}</span> : null);
