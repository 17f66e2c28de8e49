/** Two hundred lines: one text until they come near, which the browser's own search finds; then with their numbers. */
import { Component, type JSX } from "preact";
import { pieces, plain } from "./colours";
import type { Block as Lines, Range } from "./lines";

interface Props {
  block: Lines;
  /** Whether it is to be seen, or is about to be. */
  near: boolean;
  /** What is searched for, in lower case. */
  words: string;
  /** Lines that are pointed at. */
  range: Range | null;
  /** Tells one block from another for whoever watches which are near. */
  watch: (element: HTMLElement | null) => void;
}

/** Drawn again only where something of it has changed: there may be fifteen hundred. */
export class Block extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { block, near, words, range } = this.props;
    return block !== next.block || near !== next.near || (next.near && (words !== next.words || range !== next.range));
  }

  override render({ block, near, words, range, watch }: Props): JSX.Element {
    const { first, lines } = block;
    return (
      <pre ref={watch} data-first={first}>
        {near ? lines.map((text, index) => <Line key={first + index} number={first + index} text={text} words={words} range={range} />) : plain(lines.join("\n"))}
      </pre>
    );
  }
}

function Line({ number, text, words, range }: { number: number; text: string; words: string; range: Range | null }): JSX.Element {
  const pointed = range !== null && number >= range.from && number <= range.to;
  return (
    <span class={pointed ? "line pointed" : "line"} data-line={number}>
      <a class="line-number" href={`#L${number}`} tabIndex={-1} aria-hidden="true" data-number={number} />
      <span class="line-text">{words ? marked(plain(text), words) : pieces(text)}</span>
    </span>
  );
}

/** The line with what is searched for made visible. */
function marked(text: string, words: string): (string | JSX.Element)[] {
  const lower = text.toLowerCase();
  const found: (string | JSX.Element)[] = [];
  let at = 0;
  for (let next = lower.indexOf(words); next >= 0; next = lower.indexOf(words, at)) {
    found.push(text.slice(at, next), <mark key={next}>{text.slice(next, next + words.length)}</mark>);
    at = next + words.length;
  }
  return [...found, text.slice(at)];
}
