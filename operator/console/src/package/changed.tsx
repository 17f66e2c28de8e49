/** Somebody else has saved the package meanwhile: nothing is overwritten unseen, and nothing is lost. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, Problem } from "../api/client";
import type { DepPackageResponse } from "../api/schema";
import { draftOf, type Draft, type Editing } from "../editor/draft";
import { changedBy, differences, merged, type Difference, type Side } from "../editor/merge";
import { namesOf } from "../editor/reading";
import { Dialog } from "../ui/dialog";
import { Button, Notice, ProblemText } from "../ui/parts";
import { onTheirs } from "./actions";

interface Props {
  editing: Editing;
  namespace: string;
  name: string;
  onClose: () => void;
}

interface Found {
  theirs: DepPackageResponse;
  ground: Draft;
  names: Map<string, string>;
  rows: Difference[];
}

export function Changed({ editing, namespace, name, onClose }: Props): JSX.Element {
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Side>>(new Map());
  const mine = editing.draft.value;
  useEffect(() => {
    compare(editing, namespace, name).then(setFound, (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    });
  }, []);
  const rows = found?.rows ?? [];
  const sideOf = (row: Difference) => chosen.get(row.key) ?? changedBy(row);
  const open = rows.filter((row) => !sideOf(row)).length;
  const choose = (some: Difference[], side: Side) => setChosen(new Map([...chosen, ...some.map((row) => [row.key, side] as const)]));
  const take = async () => {
    const sides = new Map(rows.map((row) => [row.key, sideOf(row) ?? "theirs"]));
    await onTheirs(editing, found!.theirs, merged(mine, found!.ground, found!.names, (key) => sides.get(key) ?? "theirs"));
    onClose();
  };
  const both = rows.filter((row) => !changedBy(row));
  const actions = (
    <>
      <Button onClick={onClose}>Back to editing</Button>
      <Button kind="primary" disabled={!found || open > 0} title={open ? "Choose a side for each first" : "It is saved when you save"} onClick={() => void take()}>
        {open ? `Settle ${open} first` : "Go on with the result"}
      </Button>
    </>
  );
  return (
    <Dialog title="Somebody else has changed this package" wide onClose={onClose} actions={actions}>
      <p>
        Nothing of yours is saved yet, and nothing of theirs is overwritten. What only one of you has changed is in the result; for what both have changed,
        choose.
      </p>
      {problem && (
        <Notice tone="bad" role="alert">
          <ProblemText problem={problem} />
        </Notice>
      )}
      {both.length > 1 && (
        <div class="actions">
          <Button onClick={() => choose(both, "mine")}>Keep All Mine</Button>
          <Button onClick={() => choose(both, "theirs")}>Use All Theirs</Button>
        </div>
      )}
      {found && !rows.length && <p>Both are the same: there is nothing to choose.</p>}
      {rows.length > 0 && (
        <table class="merge" role="table">
          <thead role="rowgroup">
            <tr role="row">
              <th scope="col" role="columnheader">What</th>
              <th scope="col" role="columnheader">Mine</th>
              <th scope="col" role="columnheader">Theirs</th>
              <th scope="col" role="columnheader">Result</th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((row) => (
              <Row key={row.key} row={row} side={sideOf(row)} onChoose={(side) => choose([row], side)} />
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}

async function compare(editing: Editing, namespace: string, name: string): Promise<Found> {
  const theirs = await call("GET /dep-packages/{namespace}/{name}", { path: { namespace, name } });
  const ground = draftOf(theirs);
  const [base, mine] = [editing.saved.value, editing.draft.value];
  const names = await namesOf([base, mine, ground].flatMap((one) => one.entries.map((entry) => entry.text)), mine);
  return { theirs, ground, names, rows: differences(base, mine, ground, names) };
}

function Row({ row, side, onChoose }: { row: Difference; side: Side | null; onChoose: (side: Side) => void }): JSX.Element {
  const { label, mine, theirs } = row;
  return (
    <tr role="row" class={side ? "" : "open"}>
      <th scope="row" role="rowheader">{label}</th>
      <td role="cell" data-label="Mine">
        <Text text={mine} />
        <Button kind={side === "mine" ? "primary" : "plain"} title={`Keep mine of ${label}`} onClick={() => onChoose("mine")}>
          Keep mine
        </Button>
      </td>
      <td role="cell" data-label="Theirs">
        <Text text={theirs} />
        <Button kind={side === "theirs" ? "primary" : "plain"} title={`Use theirs of ${label}`} onClick={() => onChoose("theirs")}>
          Use theirs
        </Button>
      </td>
      <td role="cell" data-label="Result">{side ? <Text text={side === "mine" ? mine : theirs} /> : <span class="muted">to be chosen</span>}</td>
    </tr>
  );
}

const Text = ({ text }: { text: string | null }) => (text === null ? <span class="muted">not there</span> : text ? <code>{text}</code> : <span class="muted">empty</span>);
