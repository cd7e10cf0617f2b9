// The key of a row: as a program gives it to `get`, and as the name under which a copy knows the row.

import type { Row, RowKey } from "../../../../generated/typescript/protocol.js";

/** The value of the key, or an object of values where several properties are the key. */
export function keyOf(key: readonly string[], row: Row): RowKey {
  const [first, ...others] = key as [string, ...string[]];
  return (others.length > 0 ? Object.fromEntries(key.map((name) => [name, row[name]])) : row[first]) as RowKey;
}

export function nameOf(key: readonly string[], row: Row): string {
  return JSON.stringify(key.map((name) => row[name]));
}
