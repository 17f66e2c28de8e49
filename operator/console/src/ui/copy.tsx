/** Texts that are there to be copied. */
import type { JSX } from "preact";
import { Icon } from "./icons";
import { useCopied } from "./slug";

interface CopyButtonProps {
  text: string;
  /** What a screen reader hears of the text. */
  name: string;
  /** Other words than "Copy", which say by themselves what is copied. */
  label?: string;
}

/** A button that copies a text and says so. */
export function CopyButton({ text, name, label }: CopyButtonProps): JSX.Element {
  const [copied, copy] = useCopied();
  const spoken = label ? undefined : `${copied ? "Copied" : "Copy"} ${name}`;
  return (
    <button type="button" class="button copy" aria-label={spoken} onClick={() => void copy(text, name)}>
      <Icon name={copied ? "check" : "copy"} />
      <span>{copied ? "Copied" : (label ?? "Copy")}</span>
    </button>
  );
}

/** A value that one click copies, such as a digest; what is shown of it may be its beginning. */
export function CopyValue({ text, name, shown = text }: { text: string; name: string; shown?: string }): JSX.Element {
  const [copied, copy] = useCopied();
  return (
    <button type="button" class={`copy-value ${copied ? "copied" : ""}`} aria-label={copied ? `Copied ${name}` : `Copy ${name} ${shown}`} title={copied ? "Copied" : text} onClick={() => void copy(text, name)}>
      <code>{copied ? "Copied" : shown}</code>
      <Icon name={copied ? "check" : "copy"} />
    </button>
  );
}

/** A block of text with its button. */
export function CopyBlock({ text, name }: { text: string; name: string }): JSX.Element {
  return (
    <figure class="copy-block">
      <figcaption>
        {name}
        <CopyButton text={text} name={name} />
      </figcaption>
      <pre tabIndex={0} aria-label={name}>
        <code>{text}</code>
      </pre>
    </figure>
  );
}
