// The key of a row: as a program gives it to `get`, and as the name under which a copy knows the row.

import type { Row, RowKey } from "../../../../generated/typescript/protocol.js";

/** The value of the key, or an object of values where several properties are the key. */
export function keyOf(key: readonly string[], row: Row): RowKey {
  return (key.length > 1 ? picked(row, key) : row[key[0] as string]) as RowKey;
}

/** The properties of a row that have these names. */
export function picked(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]]));
}

export function nameOf(key: readonly string[], row: Row): string {
  return JSON.stringify(key.map((name) => row[name]));
}
