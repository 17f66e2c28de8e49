/** A table of many rows of one height, of which only what is to be seen is drawn. */
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Item, Row } from "../state/listing";
import { useKeys } from "../ui/keys";
import { useMedia, useSlice } from "./virtual";

const FLASH_SECONDS = 2;

export interface Column<C extends string> {
  name: C;
  title: string;
  /** Whether its title is for screen readers only, as there is nothing to sort by. */
  silent?: true;
}

interface Props<T extends Item, C extends string> {
  rows: Row<T>[];
  label: string;
  columns: readonly Column<C>[];
  /** A column, with "-" in front for the other direction. */
  sort: string;
  onSort: (sort: C | `-${C}`) => void;
  /** Heights of a row, in pixels: as a line, and as a card on a phone. */
  low: number;
  tall: number;
  dimmed: boolean;
  className: string;
  /** The cells of a row; its link has `data-index`, and what `c` copies `data-slug`. */
  cells: (row: Row<T>, index: number) => ComponentChildren;
}

export function Rows<T extends Item & { deleting: boolean }, C extends string>(props: Props<T, C>): JSX.Element {
  const { rows, label, columns, sort, onSort, dimmed, className, cells } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMedia("(max-width: 760px)");
  const height = narrow ? props.tall : props.low;
  const { first, end } = useSlice(scroller, rows.length, height);
  useRowKeys(scroller, rows.length, height);
  return (
    <div ref={scroller} class={`table-holder ${dimmed ? "dimmed" : ""}`}>
      <table class={`listing ${className}`} role="table" aria-rowcount={rows.length + 1} aria-label={label}>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          <Space height={first * height} />
          {rows.slice(first, end).map((row, index) => (
            <tr key={row.data.id} role="row" aria-rowindex={first + index + 2} class={`${flashes(row) ? "flash" : ""} ${row.data.deleting ? "deleting" : ""}`}>
              {cells(row, first + index)}
            </tr>
          ))}
          <Space height={(rows.length - end) * height} />
        </tbody>
      </table>
    </div>
  );
}

const flashes = (row: Row) => row.changed > 0 && Date.now() - row.changed < FLASH_SECONDS * 1000;

/** The room of rows that are not drawn. */
const Space = ({ height }: { height: number }) => (height ? <tr class="space" aria-hidden="true" style={{ height: `${height}px` }} /> : null);

function Head<C extends string>({ column, sort, onSort }: { column: Column<C>; sort: string; onSort: Props<Item, C>["onSort"] }): JSX.Element {
  const { name, title, silent } = column;
  const now = sort === name ? "ascending" : sort === `-${name}` ? "descending" : undefined;
  return (
    <th scope="col" role="columnheader" class={`col-${name}`} aria-sort={silent ? undefined : (now ?? "none")}>
      {silent ? (
        <span class="unseen">{title}</span>
      ) : (
        <button type="button" onClick={() => onSort(now === "ascending" ? `-${name}` : name)}>
          {title}
          {now && (
            <span class="sort" aria-hidden="true">
              {now === "ascending" ? "↑" : "↓"}
            </span>
          )}
        </button>
      )}
    </th>
  );
}

/** j, k and arrows go from row to row; c copies the slug. */
function useRowKeys(scroller: RefObject<HTMLElement | null>, count: number, height: number): void {
  const wanted = useRef<number | null>(null);
  const present = () => {
    const link = document.activeElement?.closest("tr")?.querySelector<HTMLElement>("[data-index]");
    return link ? Number(link.dataset.index) : -1;
  };
  const focus = () => {
    const link = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  };
  const move = (by: number) => {
    const element = scroller.current;
    if (!element || !count) return;
    const next = Math.max(0, Math.min(count - 1, present() + by));
    const head = element.querySelector("thead")!.clientHeight;
    const top = next * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight - head) element.scrollTop = top + height + head - element.clientHeight;
    wanted.current = next;
    focus();
  };
  useEffect(focus); // once the row is drawn
  const down = () => move(1);
  const up = () => move(-1);
  const copy = () => {
    const line = document.activeElement?.closest("tr");
    line?.querySelector<HTMLElement>("[data-slug]")?.click();
  };
  useKeys({ j: down, ArrowDown: down, k: up, ArrowUp: up, c: copy });
}
