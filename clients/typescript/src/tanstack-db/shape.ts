// The rows of a collection and the rows of the wire: their keys, and integers of 64 bits, which JSON has no type for.
//
// Invariant: a row of the wire and the same row in the collection have the same key.

import type { Row, RowKey } from "../../../../generated/typescript/protocol.js";
import type { Options } from "../options.js";
import { keyOf } from "../rows/key.js";
import { sent } from "./filters.js";

export type Key = string | number;
export type Shape = ReturnType<typeof shapeOf>;

export function shapeOf({ keys, resources }: Options, resource: string) {
  const { key = "id", types = {}, assigned, now = [] } = resources?.[resource] ?? {};
  const names = [keys?.[resource] ?? key].flat();

  const map = (row: Row, change: (value: unknown, name: string) => unknown): Row =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, change(value, name)]));

  return {
    /** A key as the gateway takes it. */
    idOf: (row: Row): RowKey => keyOf(names, map(row, sent)),
    /** A key as TanStack takes it: the value, or the text of the values of several properties. */
    keyOf(row: Row): Key {
      const id = keyOf(names, row);
      return typeof id === "object" ? JSON.stringify(Object.values(map(id, sent))) : (sent(id) as Key);
    },
    /** A row of the wire as the collection has it: otherwise TanStack would order integers as text. */
    read: (row: Row) => map(row, (value, name) => (types[name] === "int64" && value ? BigInt(value as string) : value)),
    /** A row as `create` takes it: without what the database writes itself. */
    created: (row: Row) =>
      map(row, (value, name) => ((assigned && names.includes(name)) || now.includes(name) ? undefined : sent(value))),
    /** Changes as `update` takes them: null clears a property. */
    changed: (changes: Row) => map(changes, (value) => sent(value) ?? null),
  };
}
