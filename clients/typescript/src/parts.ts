// The answer to one message of the application that comes in parts.
//
// It keeps what the program has not read yet, up to a limit, and ends with the connection: a stream is never asked for again.
// Invariant: whatever happens, the iteration ends, and so does `reply`: with the reply, or with the same error.

import { TidegateError } from "./errors.js";
import type { Link } from "./link.js";
import type { WireMessage } from "./wire.js";

/** Parts that the program may leave unread; with more, the client cancels the stream. */
const MAX_UNREAD = 10_000;

export interface PartsOptions {
  /** Cancels the stream when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** The parts of an answer, for one `for await`, and the reply that follows them. Leaving the loop early cancels it. */
export class Parts<P, R> implements AsyncIterable<P> {
  /** The reply after the last part. It fails as the iteration does, also where the program leaves the loop early. */
  readonly reply: Promise<R>;
  readonly #parts: P[] = [];
  #end!: (error: TidegateError) => void;
  #over = false;
  #error: TidegateError | undefined;
  #wake: (() => void) | undefined;

  /** `client.stream` makes one. */
  constructor(link: Link, message: WireMessage, { signal }: PartsOptions = {}) {
    this.reply = new Promise((resolve, reject) => {
      const aborted = () => this.cancel();
      /** Whether this was the end. */
      const finish = (error?: TidegateError, reply?: R): boolean => {
        if (this.#over) return false;
        this.#over = true;
        this.#error = error;
        if (error) reject(error);
        else resolve(reply as R);
        signal?.removeEventListener("abort", aborted);
        this.#wake?.();
        return true;
      };
      const ref = link.request({
        message,
        parted: (part) => {
          if (this.#over) return;
          this.#parts.push(part as P);
          if (this.#parts.length > MAX_UNREAD)
            this.#end(new TidegateError("overflow", `${MAX_UNREAD} parts are unread`));
          else this.#wake?.();
        },
        replied: (reply) => finish(undefined, reply as R),
        failed: finish,
      });
      this.#end = (error) => {
        if (finish(error)) link.cancel(ref);
      };
      signal?.addEventListener("abort", aborted);
      if (signal?.aborted) aborted();
    });
    this.reply.catch(() => {}); // the program may be interested in the parts alone
  }

  /** End the stream: the gateway closes its handler, and what waits for it fails with `cancelled`. Idempotent. */
  cancel(): void {
    this.#end(new TidegateError("cancelled", "the program cancelled the stream"));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<P, void, undefined> {
    try {
      for (;;) {
        while (this.#parts.length) yield this.#parts.shift() as P;
        if (this.#error) throw this.#error;
        if (this.#over) return;
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
      }
    } finally {
      this.cancel();
    }
  }
}
