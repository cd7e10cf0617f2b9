// The errors of the client as refine knows errors: with an HTTP status and the texts for each field of a form.

import { type ConnectionRefused, type RequestRefused, TidegateError } from "../errors.js";

/** The HTTP status of codes of errors and of closed connections. Of others: 503 if they are temporary, 400 if not. */
const STATUS: Readonly<Record<string, number>> = {
  4001: 401,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  invalid_data: 422,
  internal: 500,
};

export function httpError(error: unknown): unknown {
  if (!(error instanceof TidegateError)) return error;
  const { code, message, retryable, fields, closeCode } = error as TidegateError &
    Partial<Pick<RequestRefused, "fields"> & Pick<ConnectionRefused, "closeCode">>;
  return failure(message, { statusCode: STATUS[closeCode ?? code] ?? (retryable ? 503 : 400), code, errors: fields });
}

export function failure<D extends { statusCode: number }>(message: string, details: D): Error & D {
  return Object.assign(new Error(message), details);
}
