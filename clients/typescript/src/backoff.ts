// When to try again: full jitter, so that a thousand clients of one gateway do not come back in step.

const FIRST_MS = 500;
const LONGEST_MS = 20_000;
const STABLE_MS = 5_000;

export class Backoff {
  #failures = 0;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next try: random(0, min(20 s, 0.5 s * 2^n)). */
  next(): number {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return this.#random() * ceiling;
  }

  /** A connection lived for so many milliseconds; only a stable one makes the next wait short again. */
  lived(milliseconds: number): void {
    if (milliseconds >= STABLE_MS) this.#failures = 0;
  }
}
