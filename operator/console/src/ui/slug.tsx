/** A slug, copied with one click. */
import { useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import { announce } from "./announcer";
import { Icon } from "./icons";

const SECONDS = 2;

/** Puts a text on the clipboard, also where the page has no secure context and so no clipboard of its own. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function useCopied(): [boolean, (text: string, name?: string) => Promise<void>] {
  const [copied, setCopied] = useState(false);
  const timer = useRef(0);
  const copy = async (text: string, name = text) => {
    await copyText(text);
    announce(`Copied ${name}`);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setCopied(false), SECONDS * 1000);
  };
  return [copied, copy];
}

export function Slug({ slug }: { slug: string | null }): JSX.Element {
  const [copied, copy] = useCopied();
  if (!slug) return <span class="slug none" title="The operator gives it a slug in a moment.">Slug follows…</span>;
  const label = copied ? `Copied ${slug}` : `Copy slug ${slug}`;
  return (
    <button type="button" class={`slug ${copied ? "copied" : ""}`} data-slug={slug} aria-label={label} title={copied ? "Copied" : "Copy slug"} onClick={() => copy(slug)}>
      <code>{copied ? "Copied" : slug}</code>
      <Icon name={copied ? "check" : "copy"} />
    </button>
  );
}
