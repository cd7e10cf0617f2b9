// The order of rows: as the gateway's `list` orders them, so that a program may keep a list sorted by itself.
//
// Invariant: text is ordered by code point, integers of 64 bits (text on the wire) as integers; a row without a value comes
// first, and last when descending; the key decides between equal rows.

import type { SortTerm } from "../../../../generated/typescript/protocol.js";
import type { ResourceShape } from "../options.js";

export type Compare = (a: object, b: object) => number;

/** A property's name, with a "-" before it for descending, or the protocol's own term. */
export type Sort = string | SortTerm;

export function sortTerm(term: Sort): SortTerm {
  if (typeof term !== "string") return term;
  return term.startsWith("-") ? { field: term.slice(1), order: "desc" } : { field: term, order: "asc" };
}

/** Compares two rows by `sort`, and then by their key. */
export function byOrder(sort: readonly Sort[], key: readonly string[], types: ResourceShape["types"] = {}): Compare {
  const terms = [...sort, ...key].map(sortTerm);
  return (a, b) => {
    for (const { field, order } of terms) {
      const found = compareValues(a[field as never], b[field as never], types[field] === "int64");
      if (found) return order === "desc" ? -found : found;
    }
    return 0;
  };
}

/** Below 0 if `a` comes before `b`. No value comes before any, and a number before a text. */
export function compareValues(a: unknown, b: unknown, isInt64 = false): number {
  const [kind, value] = placeOf(a, isInt64);
  const [otherKind, other] = placeOf(b, isInt64);
  return kind - otherKind || (value < other ? -1 : Number(value > other));
}

/** The kind of a value, and what orders it among those of its kind. */
function placeOf(value: unknown, isInt64: boolean): [kind: number, value: number | bigint | string] {
  if (value === undefined || value === null) return [0, 0];
  if (typeof value !== "string") return [1, Number(value)];
  return [2, isInt64 ? BigInt(value) : byCodePoint(value)];
}

/** JavaScript compares text by UTF-16 code units, which puts U+E000 to U+FFFF after the characters beyond. */
function byCodePoint(text: string): string {
  return text.replace(/[\ud7ff\ue000-\uffff]/g, "\ud7ff$&");
}
