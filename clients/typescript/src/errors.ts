// What can go wrong, as one small tree. Every error answers `retryable`: whether the same call may succeed later.

import type { ErrorCode, ErrorMessage, Violation } from "../../../generated/typescript/protocol.js";

/** The root of all errors of this client. */
export class TidegateError extends Error {
  override readonly name: string = "TidegateError";
  constructor(
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

/** The gateway refused a request; `pointer` says where in the message. */
export class RequestRefused extends TidegateError {
  override readonly name = "RequestRefused";
  readonly code: ErrorCode;
  /** RFC 6901, into the message that was sent. */
  readonly pointer: string | undefined;
  readonly keyword: string | undefined;
  readonly errors: readonly Violation[];
  /** Seconds to wait before trying again. */
  readonly retryAfter: number | undefined;

  constructor(error: ErrorMessage) {
    super(error.pointer ? `${error.message} (at ${error.pointer})` : error.message, error.temporary);
    this.code = error.code;
    this.pointer = error.pointer;
    this.keyword = error.keyword;
    this.errors = error.errors ?? [];
    this.retryAfter = error.retry_after;
  }
}

/** The line broke before the answer came; whether the gateway did what was asked is not known. */
export class ConnectionLost extends TidegateError {
  override readonly name = "ConnectionLost";
  constructor() {
    super("the connection broke before the answer came", true);
  }
}

/** No answer came in time. */
export class RequestTimeout extends TidegateError {
  override readonly name = "RequestTimeout";
  constructor(seconds: number) {
    super(`no answer came within ${seconds} s`, true);
  }
}

/** The gateway ended a membership or a subscription, since this user may not have it any more. */
export function withdrawn(what: string): RequestRefused {
  const message = `the gateway ended ${what}`;
  return new RequestRefused({ type: "error", code: "forbidden", message, temporary: false });
}

/** The connection is over and will not come back. */
export class ConnectionClosed extends TidegateError {
  override readonly name: string = "ConnectionClosed";
  constructor(
    reason: string,
    /** The WebSocket close code, if it was the gateway that closed. */
    readonly closeCode?: number,
  ) {
    super(reason, false);
  }
}

/** The program itself closed the client or left the room. */
export class ClientClosed extends ConnectionClosed {
  override readonly name = "ClientClosed";
}

/** The gateway does not want this client back; `closeCode` says why. */
export class ConnectionRefused extends ConnectionClosed {
  override readonly name = "ConnectionRefused";
}
