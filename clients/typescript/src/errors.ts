// What can go wrong for a program that uses the client, as one small tree. The Python client has the same classes.
//
//   TidegateError
//   +-- RequestRefused        the gateway answered a request with an `error`; the connection lives
//   +-- RequestTimeout        no reply came within the timeout
//   +-- ConnectionLost        the connection broke under a request that must not be sent twice
//   +-- ConnectionClosed      the client, the room or the live query has ended
//   |   +-- ConnectionRefused the gateway refused the client for good
//   |   +-- ClientClosed      the program closed it
//   +-- InvalidOption         an option has a value that it cannot have
//
// Invariant: every error answers `retryable`: whether the same call may succeed later.

import type { ApplicationCode, ErrorCode, ErrorMessage, Violation } from "../../../generated/typescript/protocol.js";

/** What an error says beside its code and its message. */
export interface ErrorDetails {
  retryable?: boolean | undefined;
  pointer?: string | undefined;
  keyword?: string | undefined;
  errors?: readonly Violation[] | undefined;
  retryAfter?: number | undefined;
}

/** The root of all errors of this client. */
export class TidegateError extends Error {
  override readonly name: string = "TidegateError";
  /** Whether the same call, unchanged, may succeed later. */
  declare readonly retryable: boolean;
  /** RFC 6901 pointer into the message that was sent. */
  declare readonly pointer: string | undefined;
  declare readonly keyword: string | undefined;
  /** Every violation, where the gateway found several. */
  declare readonly errors: readonly Violation[];
  /** Seconds to wait before the next attempt, if the gateway said so. */
  declare readonly retryAfter: number | undefined;

  constructor(
    /** A short word for programs: the wire's error code, or a code of the client itself. */
    readonly code: string,
    message: string,
    { retryable = false, pointer, keyword, errors = [], retryAfter }: ErrorDetails = {},
  ) {
    super(message);
    Object.assign(this, { retryable, pointer, keyword, errors, retryAfter });
  }
}

/**
 * The gateway refused a request; `code` is one of `ERRORS`, or `app:` and the name of an own error of the application, and
 * `pointer` says where in the message. `client.isRefusal` narrows it to the errors of one request.
 */
export class RequestRefused extends TidegateError {
  override readonly name = "RequestRefused";
  declare readonly code: ErrorCode | ApplicationCode;
  /** What an own error of the application says besides. */
  declare readonly data: unknown;
  /** For forms: what is wrong with each property of the `data` that was sent. */
  declare readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(error: ErrorMessage) {
    const { code, message, pointer, data, temporary: retryable, retry_after: retryAfter } = error;
    const details = { ...error, retryable, retryAfter };
    super(code, pointer ? `${message} (at ${pointer})` : message, details);
    this.data = data;
    this.fields = fieldsOf([error.errors ?? error].flat());
  }
}

const PROPERTY = /^\/data(?:\/\d+)?(?:\/([^/\n]+)|\nlacks the property "([^"]+))/;

/** The messages about each property: of `/data/NAME/...` or, in an array of rows, `/data/3/NAME/...`. */
function fieldsOf(violations: readonly { pointer?: string; message: string }[]): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null);
  for (const { pointer, message } of violations) {
    // The pointer of a missing property is that of the object which lacks it.
    const [, named, missing] = PROPERTY.exec(`${pointer}\n${message}`) ?? [];
    const name = (named ?? missing ?? "").replaceAll("~1", "/").replaceAll("~0", "~");
    if (!name) continue;
    fields[name] ??= [];
    fields[name].push(message);
  }
  return fields;
}

/** The connection broke before the reply came; the gateway may have carried the request out. */
export class ConnectionLost extends TidegateError {
  override readonly name = "ConnectionLost";
  constructor(type: string) {
    super("connection_lost", `no reply to '${type}' before the connection broke`, { retryable: true });
  }
}

/** No reply came in time. The gateway may have carried the request out: repeat a mutation with the same `key`. */
export class RequestTimeout extends TidegateError {
  override readonly name = "RequestTimeout";
  constructor(type: string, seconds: number) {
    super("timeout", `no reply to '${type}' within ${seconds} s`, { retryable: true });
  }
}

/** The client, the room or the live query has ended. */
export class ConnectionClosed extends TidegateError {
  override readonly name: string = "ConnectionClosed";
  constructor(
    code: string,
    message: string,
    /** The WebSocket close code, if the gateway closed the connection. */
    readonly closeCode?: number,
  ) {
    super(code, message);
  }
}

/** The program itself closed the client or the live query, or left the room. */
export class ClientClosed extends ConnectionClosed {
  override readonly name = "ClientClosed";
  constructor(message = "the client is closed") {
    super("closed", message);
  }
}

/** The gateway refused this client for good; `closeCode` says why. */
export class ConnectionRefused extends ConnectionClosed {
  override readonly name = "ConnectionRefused";
  constructor(message: string, closeCode?: number) {
    super("connection_refused", message, closeCode);
  }
}

/** An option does not exist, has a value that it cannot have, or contradicts another. */
export class InvalidOption extends TidegateError {
  override readonly name = "InvalidOption";
  constructor(message: string) {
    super("invalid_option", message);
  }
}

/** The gateway ended a membership or a subscription: this user may not have it any more. */
export function withdrawn(what: string): RequestRefused {
  return new RequestRefused({ code: "forbidden", message: `the gateway ended ${what}` } as ErrorMessage);
}
