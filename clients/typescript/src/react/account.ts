// The clients of all components with `useWebSocket`, and whose they are.
//
// Invariant: a client belongs to one user: no component acts or reads as the one before.

import { type Client, connect } from "../client.js";
import type { Options, Token } from "../options.js";
import { nameOf } from "../rows/query.js";
import { type Held, hold } from "./store.js";

export interface Account {
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

/** The name of the account of the user that `text` names, for these options. */
export function accountName(url: string, { token: _, ...others }: Options, text: string): string {
  return nameOf([url, userOf(text), others]);
}

/** Share the account called `name`; `text` is what `options.token` gave. Returns it, and what lets go of it. */
export function shareAccount(name: string, url: string, options: Options, text: string) {
  return hold<Account>(accounts, name, () => {
    let first: string | undefined = text;
    const token = () => {
      const given = first ?? (typeof account.token === "function" ? account.token() : (account.token ?? ""));
      first = undefined;
      return given;
    };
    const account: Account = { client: connect(url, { ...options, token }), token: options.token, text };
    return [account, () => account.client.close()];
  });
}
