// Who a component is: the user that the token of its options names, and the client that all components of this user share.
//
// Invariants: a client belongs to one user, and no component acts or reads as the one before. Between the token of one user
// and that of the next the login is `asking`.

import { type Client, connect } from "../client.js";
import type { TidegateError } from "../errors.js";
import type { Options, Token } from "../options.js";
import { nameOf } from "../rows/query.js";
import { notGiven } from "../token.js";
import { type Held, hold } from "./store.js";

/** Milliseconds in which a component's own renders, each with a new token function, do not ask it. */
const ASK_AGAIN_MS = 10_000;
const RETRY_MS = 2000;
/** When a token function that has not answered has failed. */
const LATE_MS = 10_000;

interface Account {
  readonly client: Client;
  /** What the next connection asks. */
  token: Token;
}

const accounts: Held = new Map();

/** The user that a token names, or the token itself where it cannot be read. */
function userOf(token: string): unknown {
  try {
    return JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"))).sub;
  } catch {
    return token;
  }
}

/** No token, not even none, was looked at. */
const NEVER = {};

export class Login {
  /** That of the user; undefined before the first token is known, and once the component is unmounted. */
  client: Client | undefined;
  /** Whether a token is under way: who the component is is not known. */
  asking = true;
  /** What the token function met, or the gateway's refusal of a token. */
  error: TidegateError | undefined;
  readonly #changed: () => void;
  #url = "";
  #options: Options = {};
  /** The token of the options when it was last looked at. */
  #asked: Token | object = NEVER;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #name = "";
  #account: Account | undefined;
  #release: (() => void) | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The component has rendered with these options; `own`: because its state changed. */
  rendered(own: boolean, url: string, options: Options): void {
    const { token } = options;
    const before = url === this.#url ? this.#asked : NEVER;
    this.#url = url;
    this.#options = options;
    if (token === before) return;
    if (own && typeof token === "function" && typeof before === "function") this.#askLater(ASK_AGAIN_MS);
    else this.#ask();
  }

  /** The component is unmounted. */
  end(): void {
    this.#asked = NEVER;
    this.#askNoMore();
    this.#leave();
  }

  #askNoMore(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askLater(milliseconds: number): void {
    this.#timer ??= setTimeout(() => this.#ask(), milliseconds);
  }

  #set(state: Partial<Pick<Login, "client" | "asking" | "error">>): void {
    Object.assign(this, state);
    this.#changed();
  }

  /** Which user a function stands for shows only in a token that it gives. */
  async #ask(): Promise<void> {
    this.#askNoMore();
    const { token } = this.#options;
    this.#asked = token;
    this.#set({ asking: true });
    const failed = (error: unknown) => {
      if (this.#asked !== token) return;
      this.#set({ error: notGiven(error) });
      this.#askLater(RETRY_MS);
    };
    // A token that comes later still counts.
    const late = setTimeout(failed, LATE_MS, "no reply");
    let text: string;
    try {
      text = typeof token === "function" ? await token() : (token ?? "");
    } catch (error) {
      return failed(error);
    } finally {
      clearTimeout(late);
    }
    if (this.#asked === token) this.become(text, token);
  }

  /** Be the user that `text` names: `token` gave it. */
  become(text: string, token: Token = text): void {
    const { token: _, ...others } = this.#options;
    const name = nameOf([this.#url, userOf(text), others]);
    if (name !== this.#name) {
      this.#leave();
      [this.#account, this.#release] = hold<Account>(accounts, name, () => open(this.#url, others, text));
      this.#name = name;
    }
    const account = this.#account as Account;
    const { client, token: before } = account;
    account.token = token;
    this.#set({ client, asking: false, error: undefined });
    // A function is asked again for each connection; a new text is for this one too.
    if (before !== token && typeof token === "string") client.authenticate(text).catch((error) => this.#set({ error }));
  }

  #leave(): void {
    this.#name = "";
    this.#set({ client: undefined });
    this.#release?.();
    this.#release = undefined;
  }
}

/** An account, and what ends it. Its first connection takes `text`, the next ones ask for a token. */
function open(url: string, options: Options, text: string) {
  let first: Token = text;
  const token = () => {
    const next = first ?? account.token;
    first = undefined;
    return typeof next === "function" ? next() : (next as string);
  };
  const account: Account = { client: connect(url, { ...options, token }), token: text };
  return [account, () => account.client.close()] as const;
}
