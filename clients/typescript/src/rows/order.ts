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
  const terms = [...sort, ...key].map((term) => {
    const { field, order } = sortTerm(term);
    return { field, sign: order === "desc" ? -1 : 1, isInt64: types[field] === "int64" };
  });
  return (a, b) => {
    for (const { field, sign, isInt64 } of terms) {
      const order = compareValues(a[field as never], b[field as never], isInt64);
      if (order !== 0) return order * sign;
    }
    return 0;
  };
}

/** Below 0 if `a` comes before `b`. No value comes before any, and a number before a text. */
export function compareValues(a: unknown, b: unknown, isInt64 = false): number {
  if (a === b) return 0;
  const ranks = rankOf(a) - rankOf(b);
  if (ranks !== 0) return ranks;
  if (typeof a !== "string") return Number(a) - Number(b);
  return isInt64 ? Number(BigInt(a) - BigInt(b as string)) : compareText(a, b as string);
}

function rankOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === "string" ? 2 : 1;
}

/** JavaScript compares text by UTF-16 code units, which puts characters beyond U+FFFF too early. */
export function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return place(one) - place(other);
  }
  return a.length - b.length;
}

const place = (unit: number) => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);
