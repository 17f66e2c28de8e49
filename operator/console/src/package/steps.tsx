/** The three steps of Save & Build, and how far they are. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { DepPackageResponse, Phase } from "../api/schema";
import { PHASES } from "../list/phases";
import { announce } from "../ui/announcer";
import { Icon, type IconName } from "../ui/icons";
import { Button } from "../ui/parts";
import { cancel } from "../list/commands";
import type { Wanted } from "./actions";

type State = "open" | "busy" | "done" | "failed";
const BUILDING: Phase[] = ["QUEUED", "INSTALLING", "PACKAGING", "UPLOADING"];

interface Props {
  shown: DepPackageResponse;
  doing: Wanted | null;
  changed: boolean;
  readOnly: boolean;
}

/** Save, Validate and Build in a phase of the present list. */
function states(shown: DepPackageResponse, doing: Wanted | null, changed: boolean): [State, State, State] {
  const phase = shown.build_status;
  if (doing) return ["busy", "open", "open"];
  if (changed) return ["open", "open", "open"];
  if (BUILDING.includes(phase)) return ["done", "done", "busy"];
  const resolved = shown.validation !== null && shown.validation !== undefined && !shown.validation.errors.length;
  switch (phase) {
    case "VALIDATING":
      return ["done", "busy", "open"];
    case "VALID":
      return ["done", "done", shown.settled ? "open" : "busy"];
    case "INVALID":
      return ["done", "failed", "open"];
    case "COMPLETED":
      return ["done", "done", "done"];
    case "FAILED":
      return resolved ? ["done", "done", "failed"] : ["done", "failed", "open"];
    default:
      return ["done", shown.settled ? "open" : "busy", "open"];
  }
}

const ICONS: Record<State, IconName> = { open: "dot", busy: "refresh", done: "check", failed: "cross" };
const WORDS: Record<State, string> = { open: "to do", busy: "under way", done: "done", failed: "failed" };
const NAMES = ["Save", "Validate", "Build"];

export function Steps({ shown, doing, changed, readOnly }: Props): JSX.Element {
  const phase = shown.build_status;
  const now = states(shown, doing, changed);
  const busy = now.includes("busy");
  useEffect(() => announce(PHASES[phase].about), [phase]);
  return (
    <section class="steps" aria-label="Progress">
      <ol>
        {NAMES.map((name, index) => (
          <li key={name} class={now[index]} aria-current={now[index] === "busy" ? "step" : undefined}>
            <span class="step-mark">
              <Icon name={ICONS[now[index]!]} turning={now[index] === "busy"} />
            </span>
            {name}
            <span class="unseen">{WORDS[now[index]!]}</span>
          </li>
        ))}
      </ol>
      <p class="step-message">
        {changed ? "These changes are not saved." : sentence(shown)}{" "}
        {busy && !changed && (
          <>
            <Elapsed since={shown.last_build?.started_at ?? null} /> <span class="muted">You may leave this page.</span>
          </>
        )}
      </p>
      {busy && !readOnly && BUILDING.includes(phase) && <Button onClick={() => void cancel(shown.namespace, shown.name)}>Cancel</Button>}
    </section>
  );
}

function sentence(shown: DepPackageResponse): string {
  const { build_status, message, last_build } = shown;
  const place = build_status === "QUEUED" && last_build?.queue_position ? ` Number ${last_build.queue_position} in the queue.` : "";
  return (message || `${PHASES[build_status].about}.`) + place;
}

function Elapsed({ since }: { since: string | null }): JSX.Element | null {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!since) return null;
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  return (
    <span class="elapsed muted">
      {String(Math.floor(seconds / 60)).padStart(2, "0")}:{String(seconds % 60).padStart(2, "0")}
    </span>
  );
}
