// What a live query shows of its rows: in order, and no more than the program wants.
//
// Invariant: `rows` is the same array, and each row the same object, until something in it changed.

import type { Compare } from "./order.js";

export class Window<R extends object> {
  rows: readonly R[] = Object.freeze([]);
  /** Whether there are rows beyond the limit. */
  hasMore = false;
  readonly #compare: Compare | undefined;
  readonly #limit: number | undefined;
  #ordered: readonly R[] = [];

  constructor(compare: Compare | undefined, limit: number | undefined) {
    this.#compare = compare;
    this.#limit = limit;
  }

  /** Show these rows. */
  show(all: Iterable<R>): void {
    const left = new Set(all);
    if (this.#compare) {
      // Rows that were here are in order already, which makes sorting them again cheap.
      const known = this.#ordered.filter((row) => left.delete(row));
      this.#ordered = [...known, ...left].sort(this.#compare);
    } else this.#ordered = [...left];
    const rows = this.#ordered.slice(0, this.#limit);
    this.hasMore = rows.length < this.#ordered.length;
    const isSame = rows.length === this.rows.length && rows.every((row, at) => row === this.rows[at]);
    if (!isSame) this.rows = Object.freeze(rows);
  }
}
