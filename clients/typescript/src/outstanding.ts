// What the program asked and the gateway has not taken or answered yet, in the order in which the program asked, and what
// becomes of it when the connection breaks.
//
// A request that may be sent twice (a read, or a mutation with an idempotency key) waits for the next connection, and
// so does what was not sent yet. Any other fails with a retryable ConnectionLost. It sends nothing itself.
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
  /** Called in the turn in which the reply came, before the client looks at any later message. Without it, none is wanted. */
  replied?(reply: WireMessage): void;
  failed(error: TidegateError): void;
  /** Whether the client may send it again on the next connection. */
  repeat?: boolean;
  /** Whether it is about the present connection alone: it waits as long as that lives, and has no timeout. */
  bound?: boolean;
  /** Its place among what waits, from `place()`; otherwise the last. */
  place?: number | undefined;
}

export interface Pending extends Request {
  readonly ref: string;
  readonly text: string;
  readonly place: number;
  sends: number;
  /** Whether the present connection carries it. */
  sent: boolean;
  timer?: unknown;
}

export class Outstanding {
  readonly #settings: Settings;
  /** Called when a request had no answer in time. */
  readonly #late: () => void;
  readonly #pending = new Map<string | number, Pending>();
  #places = 0;

  constructor(settings: Settings, late: () => void) {
    this.#settings = settings;
    this.#late = late;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** A place after everything that was asked before. */
  place(): number {
    return ++this.#places;
  }

  /** Keep `request` until it ends. Throws `invalid_json` for what JSON cannot say. */
  add(request: Request): Pending {
    const place = this.place();
    const ref = `c${place}`;
    const { message, replied } = request;
    const text = encode(replied ? { ...message, ref } : message);
    const pending: Pending = { ...request, ref, text, place: request.place ?? place, sends: 0, sent: false };
    this.#pending.set(ref, pending);
    if (replied && !request.bound) this.#expire(pending);
    return pending;
  }

  /** Whether the gateway accepts a message of that size; otherwise `pending` fails alone: sent, it would break the connection. */
  fits(pending: Pending, limit: number | undefined): boolean {
    const bytes = limit && bytesOver(limit, pending.text);
    if (!bytes) return true;
    const reason = `'${pending.message.type}' has ${bytes} bytes; the gateway accepts at most ${limit}`;
    this.fail(pending, new TidegateError("too_large", reason));
    return false;
  }

  /** The present connection carries `pending`. */
  sent(pending: Pending): void {
    if (!this.#pending.has(pending.ref)) return;
    pending.sent = true;
    pending.sends += 1;
    if (!pending.replied) this.#drop(pending);
  }

  /** Give `message` to the request whose ref it carries; false if there is none. */
  settle(message: WireMessage): boolean {
    const pending = message.ref === undefined ? undefined : this.#pending.get(message.ref);
    if (!pending) return false;
    if (message.type === "error") this.fail(pending, new RequestRefused(message as unknown as ErrorMessage));
    else if (this.#drop(pending)) pending.replied?.(message);
    return true;
  }

  /** The gateway could not read a message, so that it does not say which one. */
  unread(error: ErrorMessage): void {
    const sent = [...this.#pending.values()].filter((pending) => pending.sent);
    // With more than one, what has no timeout gets one, so that none waits for ever.
    for (const pending of sent) {
      if (sent.length === 1) this.fail(pending, new RequestRefused(error));
      else if (!pending.timer) this.#expire(pending);
    }
  }

  /** What the present connection still has to carry. */
  unsent(): Pending[] {
    return [...this.#pending.values()].filter(({ sent }) => !sent).sort((a, b) => a.place - b.place);
  }

  /** The connection is gone: keep what the next one may carry, fail the rest. */
  lost(): void {
    for (const pending of [...this.#pending.values()]) {
      const keeps = !pending.bound && (pending.sends === 0 || pending.repeat) && pending.sends < MAX_SENDS;
      if (keeps) pending.sent = false;
      else this.fail(pending, new ConnectionLost(pending.message.type));
    }
  }

  /** The client has ended. */
  failAll(error: TidegateError): void {
    for (const pending of [...this.#pending.values()]) this.fail(pending, error);
  }

  fail(pending: Pending, error: TidegateError): void {
    if (this.#drop(pending)) pending.failed(error);
  }

  #expire(pending: Pending): void {
    const { clock, requestTimeout } = this.#settings;
    pending.timer = clock.setTimeout(() => {
      this.fail(pending, new RequestTimeout(pending.message.type, requestTimeout));
      this.#late();
    }, requestTimeout * 1000);
  }

  /** Whether `pending` was still waiting. */
  #drop(pending: Pending): boolean {
    this.#settings.clock.clearTimeout(pending.timer as never);
    return this.#pending.delete(pending.ref);
  }
}
