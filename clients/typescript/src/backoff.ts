// When to reconnect after a connection ended: pure rules over close codes and an injected source of chance.
//
// Close codes say what to do: 4000-4099 stop, 4200-4299 (and 1012) reconnect at once; every other code is backoff, also
// 1000 and 1001, which this client did not ask for. The delay is full jitter (AWS Architecture Blog, "Exponential
// Backoff And Jitter"), so that a thousand clients of one gateway do not come back in step.
// Invariant: "at once" happens once; a gateway that sends its clients away again within 5 s meets backoff.

const FIRST_MS = 500;
const LONGEST_MS = 20_000;
const STABLE_MS = 5_000;
/** Before the welcome: the token is not valid. Afterwards: it was revoked. */
const UNAUTHENTICATED = 4001;
/** Close codes that say what to do. 1012: the service restarts. */
const FINAL = /^40/;
const AT_ONCE = /^42|^1012/;

/** How one attempt or connection ended. */
export interface Ending {
  /** The close code; undefined where there was no connection. */
  code?: number | undefined;
  reason?: string | undefined;
  /** Seconds to wait, as `goodbye` said. */
  retryAfter?: number | undefined;
  /** Milliseconds from `welcome` to the end; undefined where there was no `welcome`. */
  lived?: number | undefined;
  /** Whether another attempt is pointless, whatever the close code. */
  refused?: boolean | undefined;
}

export class Backoff {
  #attempts = 0;
  #askedAgain = false;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Whether the client must not come back. Where a program gives a fresh token for each connection, a token that was
   * revoked is no end yet: the client asks for one more, once.
   */
  ends({ code, lived, refused }: Ending, freshTokens: boolean): boolean {
    if (!refused && !FINAL.test(`${code}`)) return false;
    if (code !== UNAUTHENTICATED || !freshTokens || lived === undefined) return true;
    if (this.#askedAgain && lived < STABLE_MS) return true;
    this.#askedAgain = true;
    return false;
  }

  /** Milliseconds to wait before the next attempt: random(0, min(20 s, 0.5 s * 2^n)), or what the gateway asked for. */
  next({ code, lived = 0, retryAfter = 0 }: Ending = {}): number {
    if (lived >= STABLE_MS) this.#attempts = 0;
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts++);
    const atOnce = ceiling === FIRST_MS && AT_ONCE.test(`${code}`);
    return Math.max(atOnce ? 0 : this.#random() * ceiling, retryAfter * 1000 || 0);
  }
}
