/** How the last validation ended: a green check, or a red panel with each thing that is wrong. */
import type { JSX } from "preact";
import type { DepPackageResponse, RestValidationError } from "../api/schema";
import type { Editing } from "../editor/draft";
import { ago, full, now } from "../state/clock";
import { Icon } from "../ui/icons";
import { Button, Notice } from "../ui/parts";
import { useCopied } from "../ui/slug";
import { repair } from "./repair";

interface Props {
  shown: DepPackageResponse;
  editing: Editing;
  readOnly: boolean;
  onValidate: () => void;
}

const RESOLVED = new Set(["VALID", "QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]);

/** Whether the last validation speaks of what the cluster has now, and not of an earlier list. */
function ofThisList({ generation, observed_generation, spec_hash, validation }: DepPackageResponse): boolean {
  const other = validation && spec_hash && validation.spec_hash !== spec_hash;
  return observed_generation === generation && !other;
}

/** Beside the title: whether the present list resolves. */
export function Verdict({ shown, changed }: { shown: DepPackageResponse; changed: boolean }): JSX.Element | null {
  const { build_status, validation } = shown;
  const before = build_status === "PENDING" && validation ? !validation.errors.length : null; // saved since, and not looked at again
  const resolved = RESOLVED.has(build_status) || before === true;
  if (!resolved && build_status !== "INVALID" && before === null) return null;
  const stale = changed || before !== null || !ofThisList(shown);
  const words = resolved ? (stale ? "valid for an earlier list" : "valid for this list") : stale ? "an earlier list was not valid" : "not valid";
  return (
    <span class={`verdict ${stale ? "stale" : resolved ? "good" : "bad"}`} title={validation ? `Validated ${full(validation.time)}` : undefined}>
      <Icon name={resolved ? "check" : "cross"} />
      {words}
      {validation && resolved && !stale && <span class="muted"> {ago(validation.time, now.value)}</span>}
    </span>
  );
}

export function Validation({ shown, editing, readOnly, onValidate }: Props): JSX.Element | null {
  const { validation, warnings, build_status } = shown;
  const changed = editing.changed.value;
  if (build_status !== "INVALID" || !validation) return warnings.length ? <Warnings warnings={warnings} /> : null;
  const { errors, raw } = validation;
  const count = Math.max(1, errors.length);
  const fixable = errors.filter((one) => one.fixes?.length);
  const all = () => {
    for (const one of fixable) repair(editing, one, 0);
    onValidate();
  };
  return (
    <section class={`invalid ${changed ? "stale" : ""}`} role={changed ? undefined : "alert"} aria-labelledby="invalid-heading">
      <header>
        <Icon name="cross" />
        <h2 id="invalid-heading">
          Not valid: {count === 1 ? "1 problem" : `${count} problems`}. Nothing was built
        </h2>
        {raw && <CopyRaw raw={raw} />}
      </header>
      {changed && <p class="muted">Not checked since your changes.</p>}
      {!errors.length && <p>{validation.message}</p>}
      <ol>
        {errors.map((one, index) => (
          <li key={index}>
            <One error={one} editing={editing} readOnly={readOnly} />
          </li>
        ))}
      </ol>
      {fixable.length > 0 && !readOnly && !changed && (
        <Button kind="primary" onClick={all}>
          {fixable.length === 1 ? "Apply the fix and validate again" : "Apply the first fix of each and validate again"}
        </Button>
      )}
    </section>
  );
}

function One({ error, editing, readOnly }: { error: RestValidationError; editing: Editing; readOnly: boolean }): JSX.Element {
  const facts = [error.wanted && `wanted ${error.wanted}`, error.exists && `exists ${error.exists}`].filter(Boolean).join(" · ");
  return (
    <>
      <p>{error.message}</p>
      {facts && <p class="muted">{facts}</p>}
      {error.hint && !error.message.includes(error.hint) && <p>{error.hint}</p>}
      {!readOnly && Boolean(error.fixes?.length) && (
        <div class="actions">
          {error.fixes.map((fix, index) => (
            <Button key={fix.replacement} onClick={() => repair(editing, error, index)} title={fix.tried ? "Tried: everything else can stay" : "Not tried with the rest of the list"}>
              Change to {fix.replacement}
            </Button>
          ))}
        </div>
      )}
    </>
  );
}

function CopyRaw({ raw }: { raw: string }): JSX.Element {
  const [copied, copy] = useCopied();
  return (
    <Button icon={copied ? "check" : "copy"} onClick={() => copy(raw, "the resolver's text")}>
      Resolver's text
    </Button>
  );
}

const Warnings = ({ warnings }: { warnings: string[] }) => (
  <Notice tone="warn">
    {warnings.map((one) => (
      <p key={one}>{one}</p>
    ))}
  </Notice>
);
