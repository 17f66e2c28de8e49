/** Who is signed in, and how: a token of this tab, or one that a proxy in front adds. */
import { computed, signal } from "@preact/signals";
import { call, heldBy, type Problem } from "../api/client";
import type { WhoAmI } from "../api/schema";

const KEY = "dagy.token";

export type Session =
  | { is: "starting" }
  | { is: "out"; problem: Problem | null; tried: boolean }
  | { is: "in"; who: WhoAmI; pasted: boolean };

const state = signal<Session>({ is: "starting" });
/** Whether the session has ended while a page is open. */
const ended = signal(false);
let waiting: (() => void)[] = [];

function stored(): string | null {
  return sessionStorage.getItem(KEY);
}

export const session = {
  state,
  ended,
  who: computed(() => (state.value.is === "in" ? state.value.who : null)),
  token: stored,

  /** Waits until the token is another one than that which was refused, or a proxy has signed in again. */
  async renewed(refused: string | null): Promise<boolean> {
    if (state.value.is !== "in") return false;
    if (stored() !== refused) return true;
    ended.value = true;
    return new Promise((resolve) => waiting.push(() => resolve(true)));
  },

  /** Finds out who is there, without asking anybody for a token. */
  async start(): Promise<void> {
    const fragment = /^#token=([\w.~+/=-]+)$/.exec(location.hash)?.[1];
    if (fragment) {
      sessionStorage.setItem(KEY, fragment);
      history.replaceState(null, "", location.pathname + location.search);
    }
    try {
      state.value = { is: "in", who: await call("GET /whoami", { query: {} }), pasted: stored() !== null };
    } catch (error) {
      const problem = error as Problem;
      const tried = stored() !== null && problem.status === 401;
      if (tried) sessionStorage.removeItem(KEY);
      state.value = { is: "out", problem: problem.status === 401 && !tried ? null : problem, tried };
    }
  },

  /** Who has this token. Throws Problem. */
  check: (token: string) => call("GET /whoami", { query: {}, token }),

  /** Verbs on packages of a namespace, or on flow deployments; null where the cluster does not tell. */
  rightsIn: async (namespace: string, on: "dep_packages" | "deployments" = "dep_packages") =>
    (await call("GET /whoami", { query: { namespace } })).rights?.[on] ?? null,

  /** Signs in again where a proxy does it: its page opens in the place of this one. */
  reload: () => location.reload(),

  /** Goes on with this token; requests that waited for one are sent again. */
  enter(token: string, who: WhoAmI): void {
    sessionStorage.setItem(KEY, token);
    const before = state.value;
    // What is shown, and what waits to be sent, is somebody else's.
    if (before.is === "in" && before.who.username !== who.username) return location.assign(document.baseURI);
    state.value = { is: "in", who, pasted: true };
    ended.value = false;
    const resumed = waiting;
    waiting = [];
    for (const resume of resumed) resume();
  },

  /** Forgets the token. */
  leave(): void {
    sessionStorage.removeItem(KEY);
    location.assign(document.baseURI);
  },
};

heldBy(session);
