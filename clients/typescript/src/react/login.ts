// Who a component is: the user that the token of its options names, and the client that all components of this user share.
//
// Invariants: a client belongs to one user, and no component acts or reads as the one before. Between the token of one user
// and that of the next the login is `asking`.

import { type Client, connect } from "../client.js";
import type { TidegateError } from "../errors.js";
import type { Options, Token } from "../options.js";
import { nameOf } from "../rows/query.js";
import { tokenFailed } from "../token.js";
import { type Held, hold, storeOf } from "./store.js";

/** Milliseconds in which a component's own renders, each with a new token function, do not ask it. */
const ASK_AGAIN_MS = 10_000;
const RETRY_MS = 2000;

interface Account {
  readonly client: Client;
  /** What the next connection asks. */
  token: Token;
  /** The last token that was given. */
  text: string;
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

export interface Login {
  /** That of the user; undefined before the first token is known, and once the component is unmounted. */
  readonly client: Client | undefined;
  /** Whether a token is under way: who the component is is not known. */
  readonly asking: boolean;
  /** What the token function met, or the gateway's refusal of a token. */
  readonly error: TidegateError | undefined;
}

const NOBODY: Login = { client: undefined, asking: true, error: undefined };

export function loginStore() {
  let url = "";
  let options: Options = {};
  /** The token of the options when it was last looked at. */
  let asked: unknown = NOBODY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let name = "";
  let account: Account;
  let release = () => {};
  const store = storeOf(NOBODY, () => () => {
    asked = NOBODY;
    unplan();
    leave();
  });

  const unplan = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const plan = (milliseconds: number) => {
    timer ??= setTimeout(ask, milliseconds);
  };
  /** Which user a function stands for shows only in a token that it gives. */
  const ask = async () => {
    unplan();
    const { token } = options;
    asked = token;
    store.set({ asking: true });
    let text: string;
    try {
      text = typeof token === "function" ? await token() : (token ?? "");
    } catch (error) {
      if (asked !== token) return;
      store.set({ error: tokenFailed(error) });
      return plan(RETRY_MS);
    }
    if (asked === token) become(text, token);
  };
  const leave = () => {
    name = "";
    store.set({ client: undefined });
    release();
    release = () => {};
  };

  /** Be the user that `text` names: `token` gave it. */
  const become = (text: string, token: Token = text) => {
    const { token: _, ...others } = options;
    const next = nameOf([url, userOf(text), others]);
    if (next !== name) {
      leave();
      name = next;
      [account, release] = hold<Account>(accounts, name, () => open(url, others, text));
    }
    const { client, text: before } = account;
    account.token = token;
    account.text = text;
    store.set({ client, asking: false, error: undefined });
    // A function is asked again for each connection; a new text is for this one too.
    if (before !== text && typeof token === "string") client.authenticate(text).catch((error) => store.set({ error }));
  };

  /** The component has rendered with these options; `own`: because its state changed. */
  const rendered = (own: boolean, to: string, given: Options) => {
    const before = to === url ? asked : NOBODY;
    url = to;
    options = given;
    const { token } = given;
    if (token === before) return;
    if (own && typeof token === "function" && typeof before === "function") plan(ASK_AGAIN_MS);
    else ask();
  };
  return { ...store, become, rendered };
}

/** An account, and what ends it. Its first connection takes `text`, the next ones ask for a token. */
function open(url: string, options: Options, text: string) {
  let first: Token = text;
  const token = () => {
    const next = first ?? account.token ?? "";
    first = undefined;
    return typeof next === "function" ? next() : next;
  };
  const account: Account = { client: connect(url, { ...options, token }), token: text, text };
  return [account, () => account.client.close()] as const;
}
