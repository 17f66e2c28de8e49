/** Who is signed in, until when, and how the console looks. */
import type { JSX } from "preact";
import { full } from "../state/clock";
import { session } from "../state/session";
import { theme, type Theme } from "../state/theme";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { Button } from "./parts";
import { useCopied } from "./slug";

const THEMES: [Theme, string][] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** The last part of a service account's name, which is long; the whole one stands in the menu. */
export const shortName = (username: string) => username.split(":").at(-1)!;

export function UserMenu(): JSX.Element {
  const state = session.state.value;
  if (state.is !== "in") return <></>;
  const { who, pasted } = state;
  const label = (
    <>
      <Icon name="user" />
      <span class="user-name">{shortName(who.username)}</span>
      <Icon name="chevronDown" />
    </>
  );
  return (
    <Menu label={label} name={`You are ${who.username}`} title="Your session" className="user">
      {() => (
        <>
          <p class="user-who">
            <strong>{who.username}</strong>
            <span class="muted">{who.groups.join(", ")}</span>
          </p>
          {who.expires_at && <p class="muted">Signed in until {full(who.expires_at)}</p>}
          {!pasted && <p class="muted">Signed in by {who.server.local ? "your kubeconfig" : "a proxy in front of the console"}</p>}
          <fieldset class="themes">
            <legend>Appearance</legend>
            {THEMES.map(([value, text]) => (
              <label key={value}>
                <input type="radio" name="theme" value={value} checked={theme.value === value} onChange={() => (theme.value = value)} />
                {text}
              </label>
            ))}
          </fieldset>
          <div class="actions">
            <Support />
            {pasted && (
              <Button icon="signOut" onClick={session.leave}>
                Sign out
              </Button>
            )}
          </div>
        </>
      )}
    </Menu>
  );
}

/** What a report of a fault should say; no token. */
function Support(): JSX.Element {
  const [copied, copy] = useCopied();
  const { username, groups, server } = session.who.value!;
  const text = JSON.stringify({ username, groups, server, browser: navigator.userAgent, page: location.pathname }, null, 1);
  return (
    <Button icon={copied ? "check" : "copy"} onClick={() => copy(text, "for support")}>
      {copied ? "Copied" : "Copy for support"}
    </Button>
  );
}
