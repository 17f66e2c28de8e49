/** Rows stay where they are while somebody points at them. */
import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Item, Row } from "../state/listing";

/** The rows in an order that stays as it is while it is held, and how many have changed meanwhile. */
export function useHeld<T extends Item>(fresh: Row<T>[], key: string): { shown: Row<T>[]; waiting: number; show: () => void; hold: (on: boolean) => void } {
  const [held, hold] = useState(false);
  const [, again] = useState(0);
  const kept = useRef({ key: "", ids: [] as string[], since: 0 });
  if (kept.current.key !== key || !held) kept.current = { key, ids: fresh.map((row) => row.data.id), since: Date.now() };
  const show = () => {
    kept.current.key = "";
    again((count) => count + 1);
  };
  const { ids, since } = kept.current;
  const present = new Map(fresh.map((row) => [row.data.id, row]));
  const shown = ids.flatMap((id) => present.get(id) ?? []);
  const same = fresh.length === ids.length && fresh.every((row, index) => row.data.id === ids[index]);
  if (same) return { shown, waiting: 0, show, hold };
  const known = new Set(ids);
  const changed = fresh.filter((row) => row.changed > since || !known.has(row.data.id)).length;
  return { shown, waiting: changed + ids.length - shown.length || 1, show, hold };
}

/** Holds the order as long as the pointer or the focus is in the list, or on its way to the button that shows changes. */
export function Held(props: { hold: (on: boolean) => void; waiting: number; onShow: () => void; children: ComponentChildren }): JSX.Element {
  const { hold, waiting, onShow, children } = props;
  const leave = (event: FocusEvent & { currentTarget: HTMLElement }) => !event.currentTarget.contains(event.relatedTarget as Node) && hold(false);
  return (
    <div
      class="held"
      onPointerEnter={(event) => event.pointerType === "mouse" && hold(true)}
      onPointerLeave={() => hold(false)}
      onFocusIn={() => hold(true)}
      onFocusOut={leave}
    >
      {waiting > 0 && (
        <button type="button" class="waiting" onClick={onShow}>
          {waiting === 1 ? "1 change" : `${waiting} changes`} · Show
        </button>
      )}
      {children}
    </div>
  );
}
