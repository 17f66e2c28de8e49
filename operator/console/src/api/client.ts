/** Calls of the API: typed by its OpenAPI document, with the session's token, and every failure a `Problem`. */
import { API } from "../base";
import type { Operations, ProblemDetail } from "./schema";

export type Operation = keyof Operations;
type Given<K extends Operation> = Omit<Operations[K], "answer" | "body"> &
  (Operations[K] extends { body: infer B } ? { body: Body<B> } : unknown) & {
    headers?: Record<string, string>;
    signal?: AbortSignal;
    /** Another token than the session's; a refusal of it is told at once. */
    token?: string;
  };
/** A request leaves out what has a default. */
type Body<T> = T extends unknown[] ? T : T extends object ? Partial<T> : T;
export type Answer<K extends Operation> = Operations[K] extends { answer: infer A } ? A : undefined;

/** What went wrong, in the API's words, or ours where none came. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: ProblemDetail[] = [],
    readonly retryAfter = 0,
  ) {
    super(detail);
  }

  /** Whether trying the same again may help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export const unreachable = () =>
  new Problem(0, "Unreachable", "The API does not answer", "The API does not answer. Check your connection.");

/** The answer's body. Throws Problem. When the session has ended it waits for a new one, and asks again. */
export async function call<K extends Operation>(operation: K, given: Given<K>): Promise<Answer<K>> {
  const answer = await ask(operation, given as Asked);
  if (answer.status === 204 || !answer.headers.get("content-type")?.includes("json")) return undefined as Answer<K>;
  return (await answer.json()) as Answer<K>;
}

/** The answer itself, for what is no JSON. Throws Problem. */
export async function stream<K extends Operation>(operation: K, given: Given<K>): Promise<Response> {
  return ask(operation, given as Asked);
}

interface Asked {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  token?: string;
}

/** Who holds the token. */
export interface Holder {
  token(): string | null;
  /** Waits for another token than that which was refused; false where nobody was signed in. */
  renewed(refused: string | null): Promise<boolean>;
}

let holder: Holder = { token: () => null, renewed: async () => false };
export const heldBy = (one: Holder) => void (holder = one);

async function ask(operation: string, asked: Asked): Promise<Response> {
  for (;;) {
    const token = asked.token ?? holder.token();
    const answer = await send(operation, asked, token);
    if (answer.ok) return answer;
    // A proxy in front sends those whose session has ended to its sign-in page.
    const refused = answer.status === 401 || answer.type === "opaqueredirect";
    if (!refused || asked.token !== undefined || !(await holder.renewed(token))) throw await problem(answer);
  }
}

async function send(operation: string, asked: Asked, token: string | null): Promise<Response> {
  const [method = "GET", template = "/"] = operation.split(" ");
  const headers: Record<string, string> = { accept: "application/json", ...asked.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  if (asked.body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(address(template, asked), {
      method,
      headers,
      body: asked.body === undefined ? null : JSON.stringify(asked.body),
      redirect: "manual",
      signal: asked.signal ?? null,
    });
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    throw unreachable();
  }
}

function address(template: string, asked: Asked): URL {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(asked.path?.[name])));
  const url = new URL(path.slice(1).replaceAll(":", "%3A"), API);
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    const given = Array.isArray(value) ? (value as unknown[]) : [value];
    for (const one of given) if (one !== undefined && one !== null) url.searchParams.append(name, String(one));
  }
  return url;
}

async function problem(answer: Response): Promise<Problem> {
  const retry = Number(answer.headers.get("retry-after")) || 0;
  try {
    const told = await answer.json();
    return new Problem(told.status, told.code, told.title, told.detail, told.errors, retry);
  } catch {
    const what = `The API answered ${answer.status || "with a redirect"} and no reason.`;
    return new Problem(answer.status || 401, "NoReason", "No reason was given", `${what} Try again; a proxy in between may know more.`, [], retry);
  }
}
