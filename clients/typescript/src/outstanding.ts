// The requests that wait for their reply, and what becomes of them when the connection breaks.
//
// A request that may be sent twice (a read, or a mutation with an idempotency key) waits for the next connection, and
// so does a request that was not sent yet. Any other fails with a retryable ConnectionLost. It sends nothing itself.
// Invariant: every request ends exactly once: with its reply, its error, the loss of the connection or the client's end.

import type { ErrorMessage } from "../../../generated/typescript/protocol.js";
import { ConnectionLost, RequestRefused, RequestTimeout, TidegateError } from "./errors.js";
import type { Settings } from "./options.js";
import { bytesOver, encode, type WireMessage } from "./wire.js";

/** Request types that change nothing, or say the same again. */
export const READS: ReadonlySet<string> = new Set(["list", "get", "history", "ping", "presence"]);
/** Request types that take an idempotency key. */
export const WRITES: ReadonlySet<string> = new Set(["create", "update", "delete", "message"]);
/** Connections that one request may see break; after that the client takes the request for the cause. */
const MAX_SENDS = 5;

/** Whether sending `message` twice has the effect of sending it once. */
export function mayRepeat(message: WireMessage): boolean {
  return READS.has(message.type) || (WRITES.has(message.type) && message.key !== undefined);
}

export interface Request {
  message: WireMessage;
  /** Called in the turn in which the reply came, before the client looks at any later message. */
  replied(reply: WireMessage): void;
  failed(error: TidegateError): void;
  /** Whether the client may send it again on the next connection. */
  repeat: boolean;
  /** Whether it is about the present connection alone: it waits as long as that lives, and has no timeout. */
  bound?: boolean;
}

export interface Pending extends Request {
  readonly ref: string;
  readonly text: string;
  sends: number;
  /** Whether the present connection carries it. */
  sent: boolean;
  timer: unknown;
}

export class Outstanding {
  readonly #settings: Settings;
  readonly #pending = new Map<string | number, Pending>();
  #refs = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Wait for the reply to `request`. Throws `too_large` for more bytes than `limit`. */
  add(request: Request, limit: number | undefined): Pending {
    const { message, bound } = request;
    const { clock, requestTimeout } = this.#settings;
    const ref = `c${++this.#refs}`;
    const text = encode({ ...message, ref });
    checkSize(message.type, text, limit);
    const pending: Pending = { ...request, ref, text, sends: 0, sent: false, timer: undefined };
    this.#pending.set(ref, pending);
    if (!bound) {
      const expired = () => this.#fail(pending, new RequestTimeout(message.type, requestTimeout));
      pending.timer = clock.setTimeout(expired, requestTimeout * 1000);
    }
    return pending;
  }

  /** Give `message` to the request whose ref it carries; false if there is none. */
  settle(message: WireMessage): boolean {
    const pending = message.ref === undefined ? undefined : this.#pending.get(message.ref);
    if (!pending) return false;
    if (message.type === "error") this.#fail(pending, new RequestRefused(message as unknown as ErrorMessage));
    else {
      this.#drop(pending);
      pending.replied(message);
    }
    return true;
  }

  /** The requests that the present connection still has to carry. */
  unsent(): Pending[] {
    return [...this.#pending.values()].filter(({ sent }) => !sent);
  }

  /** The connection is gone: keep the requests that the next one may carry, fail the rest. */
  lost(): void {
    for (const pending of [...this.#pending.values()]) {
      const keeps = !pending.bound && (pending.sends === 0 || pending.repeat) && pending.sends < MAX_SENDS;
      if (keeps) pending.sent = false;
      else this.#fail(pending, new ConnectionLost(pending.message.type));
    }
  }

  /** The client has ended. */
  failAll(error: TidegateError): void {
    for (const pending of [...this.#pending.values()]) this.#fail(pending, error);
  }

  #fail(pending: Pending, error: TidegateError): void {
    this.#drop(pending);
    pending.failed(error);
  }

  #drop(pending: Pending): void {
    this.#pending.delete(pending.ref);
    this.#settings.clock.clearTimeout(pending.timer as never);
  }
}

/** The gateway closes a connection over a message that is too large, and a repeated request would close the next too. */
export function checkSize(type: string, text: string, limit: number | undefined): void {
  const bytes = limit === undefined ? undefined : bytesOver(limit, text);
  if (bytes === undefined) return;
  throw new TidegateError("too_large", `'${type}' has ${bytes} bytes; the gateway accepts at most ${limit}`);
}
