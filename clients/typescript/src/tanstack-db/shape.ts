// The rows of a collection and the rows of the wire: their keys, and values that JSON has no type for.
//
// Invariant: a row of the wire and the same row in the collection have the same key.

import type { Row, RowKey } from "../../../../generated/typescript/protocol.js";
import type { Options } from "../options.js";
import { sent } from "./filters.js";

export type Key = string | number;
export type Shape = ReturnType<typeof shapeOf>;

/** How to read the values of properties; null and missing values stay as they are. */
export type Parsers = Record<string, (value: never) => unknown>;

interface Resources {
  resources?: Record<string, { key: string[]; types: Record<string, string>; assigned?: true; now?: string[] }>;
}

export function shapeOf(options: Options, resource: string, given: Parsers) {
  const known = (options as Resources).resources?.[resource];
  const names = [options.keys?.[resource] ?? known?.key ?? "id"].flat() as string[];
  const parsers: Parsers = {};
  for (const [name, type] of Object.entries(known?.types ?? {})) if (type === "int64") parsers[name] = BigInt;
  Object.assign(parsers, given);
  /** What the database writes itself. */
  const assigned = [...(known?.assigned ? names : []), ...(known?.now ?? [])];

  /** A key as the gateway takes it. */
  function idOf(row: Row): RowKey {
    const key = names.map((name) => [name, sent(row[name])] as const);
    return (key.length > 1 ? Object.fromEntries(key) : key[0]?.[1]) as RowKey;
  }

  /** A key as TanStack takes it: the value, or the text of a key of several properties. */
  function keyOfId(id: RowKey): Key {
    return typeof id === "object" ? JSON.stringify(names.map((name) => id[name])) : id;
  }

  return {
    idOf,
    keyOfId,
    keyOf: (row: Row) => keyOfId(idOf(row)),
    /** A row of the wire as the collection has it. */
    read(row: Row): Row {
      const read = { ...row };
      for (const [name, parse] of Object.entries(parsers)) {
        if ((read[name] ?? null) !== null) read[name] = parse(read[name] as never);
      }
      return read;
    },
    /** A new row as `create` takes it. */
    created(row: Row): Row {
      const given = Object.entries(row).filter(([name]) => !assigned.includes(name));
      return Object.fromEntries(given.map(([name, value]) => [name, sent(value)]));
    },
    /** Changes as `update` takes them; null clears a property. */
    changed(row: Row): Row {
      return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, sent(value) ?? null]));
    },
  };
}
