// Errors that a fake gateway answers with.

import { ERRORS, type ErrorMessage } from "../../../../generated/typescript/protocol.js";

/** What an `error` says beside its code and its message. */
export type RefusalDetails = Partial<Omit<ErrorMessage, "type" | "ref" | "code" | "message">>;

/** Thrown by an answer of a fake gateway. Everything else that is thrown there is the test's own failure. */
export class Refusal extends Error {
  constructor(
    readonly code: ErrorMessage["code"],
    message: string,
    readonly details: RefusalDetails,
  ) {
    super(message);
  }
}

/**
 * The error that a fake gateway answers with: `throw refuse("conflict", "the name is taken", { pointer: "/data/name" })`.
 * The application's own codes begin with `app:`.
 */
export function refuse(code: ErrorMessage["code"], message: string = code, details: RefusalDetails = {}): Error {
  return new Refusal(code, message, { temporary: (ERRORS as Codes)[code]?.temporary ?? false, ...details });
}

type Codes = Record<string, { temporary: boolean } | undefined>;
