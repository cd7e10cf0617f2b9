// The token that a program gives: as text that can travel as a subprotocol, and what is wrong with one that cannot.
//
// Invariant: no error holds a token.

import { InvalidOption, TidegateError } from "./errors.js";

/** What may travel as a subprotocol. */
const WORD = /^[\w.~+-]*$/;
const JWT = /eyJ[\w-]+\.[\w.-]*/g;

/** A token without the space around it; "" for none. Throws InvalidOption for what cannot be a token. */
export function bearer(given: unknown): string {
  const token = String(given ?? "").trim();
  if (!WORD.test(token)) throw new InvalidOption("a token is one word");
  return token;
}

/** The error that a program gets for its token function that failed or, where it gave `token`, for the code of events. */
export function notGiven(error: unknown, token?: string): TidegateError {
  const code = token === undefined ? "token_failed" : "import_failed";
  const text = `the ${token === undefined ? "token function" : "import"} failed: ${(error as Error)?.message ?? error}`;
  return new TidegateError(code, text.replace(JWT, "..."), { retryable: true });
}
