/** Which of many rows of one height are worth drawing. */
import { type RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

const BEYOND = 8; // rows drawn above and below what is to be seen

export interface Slice {
  first: number;
  /** The row behind the last one. */
  end: number;
}

export function useSlice(scroller: RefObject<HTMLElement | null>, count: number, height: number): Slice {
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(900);
  useEffect(() => {
    const element = scroller.current!;
    const scrolled = () => setTop(element.scrollTop);
    const sized = new ResizeObserver(() => setRoom(element.clientHeight));
    element.addEventListener("scroll", scrolled, { passive: true });
    sized.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      sized.disconnect();
    };
  }, []);
  useLayoutEffect(() => setTop(scroller.current!.scrollTop), [count]);
  const first = Math.max(0, Math.floor(top / height) - BEYOND);
  return { first: Math.min(first, count), end: Math.min(count, Math.ceil((top + room) / height) + BEYOND) };
}

/** Follows a media query. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const changed = () => setMatches(list.matches);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [query]);
  return matches;
}
