/** Signing in with a token of the cluster, at first or after a session's end. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Problem } from "../api/client";
import type { WhoAmI } from "../api/schema";
import { full } from "../state/clock";
import { session } from "../state/session";
import { theme } from "../state/theme";
import { Dialog } from "../ui/dialog";
import { Mark } from "../ui/frame";
import { Button, IconButton, Notice, ProblemText } from "../ui/parts";
import { useCopied } from "../ui/slug";

const COMMAND = "kubectl create token ACCOUNT --namespace NAMESPACE --duration 8h";

export function SignInPage({ problem, tried }: { problem: Problem | null; tried: boolean }): JSX.Element {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? theme.value !== "light" : theme.value === "dark";
  return (
    <main class="sign-in" id="main">
      <div class="sign-in-card">
        <div class="sign-in-head">
          <Mark />
          <h1>Sign in to DAGY</h1>
          <IconButton icon={dark ? "sun" : "moon"} label={dark ? "Light appearance" : "Dark appearance"} onClick={() => (theme.value = dark ? "light" : "dark")} />
        </div>
        {tried && (
          <Notice tone="warn" role="status">
            Your last session has ended: the cluster does not accept its token any more. Paste a new one.
          </Notice>
        )}
        {problem && !tried ? <Unreachable problem={problem} /> : <TokenForm />}
      </div>
    </main>
  );
}

function Unreachable({ problem }: { problem: Problem }): JSX.Element {
  return (
    <>
      <Notice tone="bad" role="alert">
        <strong>{problem.title}.</strong> <ProblemText problem={problem} />
      </Notice>
      <div class="actions">
        <Button kind="primary" icon="refresh" onClick={() => void session.start()}>
          Try again
        </Button>
      </div>
    </>
  );
}

/** The page below stays as it is, with all that was typed. */
export function SessionEnded(): JSX.Element {
  const state = session.state.value;
  const pasted = state.is === "in" && state.pasted;
  return (
    <Dialog title="Your session has ended">
      <p>Nothing on this page is lost. {pasted ? "Paste a new token to go on where you are." : "Sign in again to go on."}</p>
      {pasted ? (
        <TokenForm />
      ) : (
        <div class="actions">
          <Button kind="primary" onClick={session.reload}>
            Sign in again
          </Button>
        </div>
      )}
    </Dialog>
  );
}

function TokenForm(): JSX.Element {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [found, setFound] = useState<WhoAmI | null>(null);
  const look = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      setFound(await session.check(token));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  if (found) return <Welcome who={found} onEnter={() => session.enter(token, found)} onBack={() => setFound(null)} />;
  return (
    <form onSubmit={look} class="token-form">
      <label for="token">Token</label>
      <textarea
        id="token"
        rows={4}
        required
        spellcheck={false}
        autocomplete="off"
        autocapitalize="none"
        placeholder="eyJhbGciOi…"
        aria-describedby="token-how"
        aria-invalid={problem !== null}
        value={token}
        onInput={(event) => setToken(event.currentTarget.value.replace(/\s+/g, "").replace(/^Bearer/i, ""))}
      />
      {problem && <Refusal problem={problem} token={token} />}
      <Button type="submit" kind="primary" busy={busy} disabled={!token || busy}>
        Sign in
      </Button>
      <div id="token-how" class="how">
        <p>A token of this cluster, such as a service account's:</p>
        <Command />
        <p class="muted">It is kept in this tab only, and sent to nobody but this API.</p>
      </div>
    </form>
  );
}

function Command(): JSX.Element {
  const [copied, copy] = useCopied();
  return (
    <div class="command">
      <code>{COMMAND}</code>
      <IconButton icon={copied ? "check" : "copy"} label={copied ? "Copied" : "Copy the command"} onClick={() => copy(COMMAND, "the command")} />
    </div>
  );
}

function Refusal({ problem, token }: { problem: Problem; token: string }): JSX.Element {
  const expired = expiry(token);
  if (problem.status === 401 && expired && expired < Date.now()) {
    return (
      <Notice tone="bad" role="alert">
        <strong>This token has expired</strong> on {full(new Date(expired).toISOString())}. Make a new one with the command below.
      </Notice>
    );
  }
  if (problem.status === 401) {
    return (
      <Notice tone="bad" role="alert">
        <strong>This is no token of this cluster.</strong> Copy it whole; it begins with <code>eyJ</code>. If it is of another cluster, make one here with
        the command below.
      </Notice>
    );
  }
  return (
    <Notice tone="bad" role="alert">
      <strong>{problem.title}.</strong> <ProblemText problem={problem} />
    </Notice>
  );
}

/** When a JWT ends, as it says of itself, in milliseconds; for words only. */
function expiry(token: string): number | null {
  try {
    const claims = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: number };
    return claims.exp ? claims.exp * 1000 : null;
  } catch {
    return null;
  }
}

function Welcome({ who, onEnter, onBack }: { who: WhoAmI; onEnter: () => void; onBack: () => void }): JSX.Element {
  return (
    <div class="welcome">
      <p>
        You are <strong>{who.username}</strong>
        {who.expires_at && <span class="muted"> until {full(who.expires_at)}</span>}
      </p>
      <div class="actions">
        <Button onClick={onBack}>Another token</Button>
        <button type="button" class="button primary" ref={(element) => element?.focus()} onClick={onEnter}>
          <span>Continue</span>
        </button>
      </div>
    </div>
  );
}
