// What the program asked and the gateway has not taken or answered yet, in the order in which the program asked, and what
// becomes of it when the connection breaks.
//
// A request that may be sent twice (a read, or a mutation with an idempotency key) waits for the next connection, and
// so does what was not sent yet. Any other fails with a retryable ConnectionLost.
// Invariant: every request ends exactly once: with its reply, its error, the loss of the connection or the client's end.

import type { ErrorMessage } from "../../../generated/typescript/protocol.js";
import type { Connection } from "./connection.js";
import { ConnectionLost, RequestRefused, RequestTimeout, TidegateError } from "./errors.js";
import type { Settings } from "./options.js";
import { encode, type WireMessage } from "./wire.js";

/** Request types that change nothing, or say the same again. */
export const READS: ReadonlySet<string> = new Set(["list", "get", "history", "ping", "presence"]);
/** Request types that take an idempotency key. */
export const WRITES: ReadonlySet<string> = new Set(["create", "update", "delete", "message"]);
/** Connections that one request may see break; after that the client takes the request for the cause. */
const MAX_SENDS = 5;

/** Whether sending `message` twice has the effect of sending it once. */
export function mayRepeat({ type, key }: WireMessage): boolean {
  return READS.has(type) || (WRITES.has(type) && key !== undefined);
}

export interface Request {
  message: WireMessage;
  /** Called in the turn in which the reply came, before the client looks at any later message. Without it, none is wanted. */
  replied?(reply: WireMessage): void;
  failed?(error: TidegateError): void;
  /**
   * Called with the data of each part that comes before the reply. It has no timeout then: the gateway ends it in time.
   */
  parted?(data: unknown): void;
  /** Whether the client may send it again on the next connection. */
  repeat?: boolean;
  /** Whether it is about the present connection alone: it waits as long as that lives, and has no timeout. */
  bound?: boolean;
  /** Its place among what waits, from `place()`; otherwise the last. */
  place?: number;
}

interface Pending extends Request {
  readonly ref: string;
  readonly text: string;
  readonly place: number;
  /** Connections that carried it. */
  sends: number;
  /** Whether the present connection carries it. */
  sent: boolean;
  timer?: unknown;
}

export class Outstanding {
  /** Bytes that the gateway accepts in one message; unknown before the first `welcome`. */
  declare limit: number | undefined;
  readonly #settings: Settings;
  /** Called when a request had no answer in time. */
  readonly #late: () => void;
  readonly #pending = new Map<string | number, Pending>();
  #places = 0;

  constructor(settings: Settings, late: () => void) {
    this.#settings = settings;
    this.#late = late;
  }

  /** A place after everything that was asked before. */
  place(): number {
    return ++this.#places;
  }

  /** Whether a message about this room waits for the connection. */
  mentions(room: string): boolean {
    return this.#unsent.some(({ message }) => message.room === room);
  }

  /**
   * Send `request` on `connection` or, without one, on the next; returns its ref. Throws `not_json`, `too_large` or
   * `too_many_waiting`.
   */
  add(request: Request, connection: Connection | undefined): string {
    const { clock, requestTimeout, maxWaiting } = this.#settings;
    // What the client itself asks for its rooms and queries has a place, and is never too much.
    if ((request.bound ?? request.place) === undefined && this.#pending.size >= maxWaiting) {
      throw new TidegateError("too_many_waiting", `${maxWaiting} requests wait`, { retryable: true });
    }
    const place = this.place();
    const ref = `c${place}`;
    const { message, replied } = request;
    const text = encode(replied ? { ...message, ref } : message);
    const pending: Pending = { place, ...request, ref, text, sends: 0, sent: false };
    this.#check(pending);
    this.#pending.set(ref, pending);
    if (replied && !request.bound && !request.parted) {
      pending.timer = clock.setTimeout(() => {
        this.#fail(pending, new RequestTimeout(message.type, requestTimeout));
        this.#late();
      }, requestTimeout * 1000);
    }
    if (connection) this.#carry([pending], connection);
    return ref;
  }

  /** The program no longer wants the answer. What the gateway has is cancelled there, and waits for its end. */
  cancel(ref: string | undefined, connection: Connection | undefined): void {
    const pending = this.#pending.get(ref as string);
    if (!pending) return;
    if (pending.sent) connection?.send(encode({ type: "cancel", ref }));
    else this.#drop(pending);
  }

  /** Send what waits, and what is added meanwhile. */
  flush(connection: Connection): void {
    while (this.#unsent.length) this.#carry(this.#unsent, connection);
  }

  #carry(waiting: Pending[], connection: Connection): void {
    for (const next of waiting) {
      if (!this.#pending.has(next.ref)) continue; // the client has ended meanwhile
      try {
        this.#check(next); // before the first `welcome` its limit is not known
        next.sent = true;
        next.sends += 1;
        if (!next.replied) this.#drop(next);
        connection.send(next.text);
      } catch (error) {
        this.#fail(next, error as TidegateError);
      }
    }
  }

  /** What no connection carries yet, in the order in which the program asked. */
  get #unsent(): Pending[] {
    return [...this.#pending.values()].filter(({ sent }) => !sent).sort((a, b) => a.place - b.place);
  }

  /** Give `message` to the request whose ref it carries; false if there is none. */
  settle(message: WireMessage): boolean {
    const { type, code, ref } = message;
    let pending = this.#pending.get(ref as string);
    if (code === "invalid_json" && ref === undefined) {
      // The gateway could not read a message, not even its ref. Only one that is alone is known to be the one.
      const [only, another] = [...this.#pending.values()].filter(({ sent }) => sent);
      if (!another) pending = only;
    }
    if (!pending) return type === "part";
    if (type === "part") pending.parted?.(message.data);
    else if (type === "error") this.#fail(pending, new RequestRefused(message as unknown as ErrorMessage));
    else if (this.#drop(pending)) pending.replied?.(message);
    return true;
  }

  /** The connection is gone: keep what the next one may carry, fail the rest; `ended` if there will be none. */
  lost(ended: TidegateError | undefined): void {
    for (const pending of [...this.#pending.values()]) {
      const { bound, sends, repeat, message } = pending;
      const keeps = !ended && !bound && (!sends || repeat) && sends < MAX_SENDS;
      if (keeps) pending.sent = false;
      // What is about this connection alone is asked again on the next.
      else if (bound) this.#drop(pending);
      else this.#fail(pending, ended ?? new ConnectionLost(message.type));
    }
  }

  /** Throws `too_large`: sent, the message would break the connection and, repeated, the next one. */
  #check({ text, message }: Pending): void {
    const { limit } = this;
    if (!limit || text.length * 3 <= limit) return;
    const { size } = new Blob([text]); // in UTF-8
    if (size > limit) throw new TidegateError("too_large", `'${message.type}' has ${size} bytes, more than ${limit}`);
  }

  #fail(pending: Pending, error: TidegateError): void {
    if (this.#drop(pending)) pending.failed?.(error);
  }

  /** Whether `pending` was still waiting. */
  #drop(pending: Pending): boolean {
    this.#settings.clock.clearTimeout(pending.timer as never);
    return this.#pending.delete(pending.ref);
  }
}
