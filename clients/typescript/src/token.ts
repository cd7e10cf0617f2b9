// The token that a program gives: as text that can travel as a subprotocol, and what is wrong with one that cannot.
//
// Invariant: no error holds a token.

import { TidegateError } from "./errors.js";

/** What a subprotocol and a JWT may consist of. */
const TOKEN = /^[\w.~+-]*$/;

/** The text of a token without the space around it; undefined for none. Throws for what cannot be a token. */
export function bearer(given: unknown): string | undefined {
  const text = String(given ?? "").trim();
  if (!TOKEN.test(text)) throw new TypeError("a token is one word, such as a JWT");
  return text || undefined;
}

export function tokenFailed(reason: unknown): TidegateError {
  const text = reason instanceof Error ? reason.message : reason;
  return new TidegateError("token_failed", `there is no token to connect with: ${text}`, { retryable: true });
}
