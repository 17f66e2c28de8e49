/** Save, Validate, Save & Build. */
import type { JSX } from "preact";
import type { Editing } from "../editor/draft";
import { useKeys } from "../ui/keys";
import { Button, Notice } from "../ui/parts";
import { doing, type Wanted } from "./actions";

interface Props {
  editing: Editing;
  isNew: boolean;
  run: (wanted: Wanted) => Promise<void>;
  /** Whether each save is validated and built by itself. */
  auto: boolean;
}

export function Bar({ editing, isNew, run, auto }: Props): JSX.Element {
  const { name, entries, conflicts } = editing.draft.value;
  const changed = editing.changed.value;
  const busy = doing.value;
  const why = !name.trim() ? "Give the package a name first" : !entries.length ? "Add a dependency first" : "";
  const unsettled = conflicts.length === 1 ? "Settle 1 conflict first" : `Settle ${conflicts.length} conflicts first`;
  const blocked = why || (conflicts.length ? unsettled : "");
  const start = (wanted: Wanted, stops: string) => {
    if (!busy && !stops) void run(wanted);
  };
  useKeys({
    "Mod+s": () => start("save", why),
    "Mod+Shift+v": () => start("validate", blocked),
    "Mod+enter": () => start("build", blocked),
    "Mod+z": editing.undo,
    "Mod+Shift+z": editing.redo,
  });
  return (
    <footer class="bar">
      {conflicts.length > 0 && (
        <Notice tone="warn">
          <a href="#conflicts-heading" onClick={(event) => (event.preventDefault(), document.getElementById("conflicts-heading")?.focus())}>
            {unsettled}
          </a>{" "}
          to validate and build.
        </Notice>
      )}
      <div class="actions">
        <Button busy={busy === "save"} disabled={Boolean(why || busy) || (!changed && !isNew)} title={why || "Save the list; builds nothing"} shortcut="Control+S" onClick={() => start("save", why)}>
          Save
        </Button>
        {auto ? (
          <p class="muted small">This package validates and builds itself with each save.</p>
        ) : (
          <Button busy={busy === "validate"} disabled={Boolean(blocked || busy)} title={blocked || "Check that all dependencies resolve together"} shortcut="Control+Shift+V" onClick={() => start("validate", blocked)}>
            Validate
          </Button>
        )}
        <Button kind="primary" busy={busy === "build"} disabled={Boolean(blocked || busy)} title={blocked || "Save, validate, then build the ZIP"} shortcut="Control+Enter" onClick={() => start("build", blocked)}>
          Save & Build
        </Button>
        {changed && !isNew && (
          <Button kind="quiet" disabled={Boolean(busy)} onClick={() => editing.discard()}>
            Discard changes
          </Button>
        )}
      </div>
    </footer>
  );
}
