/** What stands around each page: navigation, namespace, whether it is live, who is signed in. */
import type { ComponentChildren, JSX } from "preact";
import { choose, chosen, knowsAll, namespaces } from "../state/namespaces";
import { flows } from "../state/flows";
import type { Live } from "../state/listing";
import { packages } from "../state/packages";
import { page } from "../state/route";
import { session } from "../state/session";
import { Icon } from "./icons";
import { IconButton, Link } from "./parts";
import { Bell } from "./toasts";
import { UserMenu } from "./user";

export function Frame({ children, onHelp }: { children: ComponentChildren; onHelp: () => void }): JSX.Element {
  const { version, local, context } = session.who.value!.server;
  const here = page.value.is;
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.querySelector<HTMLElement>("a, button, input")?.focus())}>
        Skip to content
      </a>
      <nav class="side" aria-label="Console">
        <Link to="packages" class="brand" aria-label="DAGY">
          <Mark />
          <span>DAGY</span>
        </Link>
        <ul>
          <li>
            <Link to="packages" aria-current={here === "packages" ? "page" : here === "package" || here === "new" ? "true" : undefined}>
              <Icon name="package" />
              Dep Packages
            </Link>
          </li>
          <li>
            <Link to="flows" aria-current={here === "flows" ? "page" : here === "flow" ? "true" : undefined}>
              <Icon name="flow" />
              Flows
            </Link>
          </li>
        </ul>
        <p class="side-foot">
          {local && <span class="tag">local{context ? ` · ${context}` : ""}</span>}
          <span class="muted">Version {version}</span>
        </p>
      </nav>
      <header class="top">
        <NamespacePicker />
        <LiveDot live={(here === "flows" || here === "flow" ? flows : packages).live.value} />
        <Bell />
        <IconButton icon="keyboard" label="Keyboard shortcuts" onClick={onHelp} />
        <UserMenu />
      </header>
      {children}
    </div>
  );
}

export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M10 9h6a7 7 0 0 1 0 14h-6z" />
  </svg>
);

const OTHER = "\n";

function NamespacePicker(): JSX.Element {
  const pick = (name: string) => {
    if (name !== OTHER) return choose(name);
    const typed = prompt("Namespace")?.trim();
    if (typed) choose(typed);
  };
  return (
    <label class="select namespace">
      <span class="label">Namespace</span>
      <select value={chosen.value} onChange={(event) => pick(event.currentTarget.value)}>
        <option value="">All namespaces</option>
        {namespaces.value.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
        {!knowsAll.value && <option value={OTHER}>Another one…</option>}
      </select>
    </label>
  );
}

const WORDS: Record<Exclude<Live, "none" | "paused">, [string, string]> = {
  loading: ["Loading", "The list is being loaded"],
  live: ["Live", "Changes show at once"],
  polling: ["Every 3 s", "No stream can be had: updating every 3 s"],
  offline: ["Offline", "The API does not answer"],
};

function LiveDot({ live }: { live: Live }): JSX.Element | null {
  if (live === "none" || live === "paused") return null;
  const [word, about] = WORDS[live];
  return (
    <span class={`live is-${live}`} title={about}>
      <span class="live-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
