// What the providers of one client know together of a resource: how refine's ids and values become those of the gateway,
// which reads are under way, and which writes are the program's own.
//
// The key and the types come from `RESOURCES` of the generated app.ts, given to `connect`. Without it, values stay as they
// are. refine starts no read while an equal one is under way, so news that comes in between waits until that one has ended.

import type { BaseKey } from "@refinedev/core";
import type { FeedPosition, Row, RowKey } from "../../../../generated/typescript/protocol.js";
import type { ResourceShape } from "../options.js";
import { portOf } from "../part.js";
import { keyOf } from "../rows/key.js";
import { queriesOf } from "../rows/resource.js";
import { failure } from "./failures.js";

export type NamedRow = Row & { id: BaseKey };

export class Table {
  declare readonly keys: readonly string[];
  declare readonly types: ResourceShape["types"];
  /** How many reads are under way. */
  reads = 0;
  /** Called when a read has ended. */
  readonly idle = new Set<() => void>();
  /** The first and the last position that a read was answered with. */
  declare first: FeedPosition | undefined;
  declare last: FeedPosition | undefined;
  /** The idempotency keys of the last own writes, after which refine reads again. */
  own: (string | undefined)[] = [];

  constructor(
    client: object,
    readonly resource: string,
  ) {
    const port = portOf(client);
    this.keys = queriesOf(port).keyOf(resource);
    this.types = port.options.resources?.[resource]?.types ?? {};
  }

  /** The value of `property` whose text may come from a URL. */
  typed(property: string, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.typed(property, item));
    const type = this.types[property];
    if (type === "boolean") return value === "true" || (value !== "false" && value);
    const isText = typeof value === "string" && value !== "" && !Number.isNaN(Number(value));
    return isText && (type === "integer" || type === "number") ? Number(value) : value;
  }

  /** The key of the row that refine calls `id`. */
  key(id: BaseKey): RowKey {
    if (!this.keys[1]) return this.typed(this.keys[0] as string, id) as BaseKey;
    try {
      return JSON.parse(String(id));
    } catch {
      throw failure(`${this.resource} has no row ${id}`, { statusCode: 404 }); // from an address that a person typed
    }
  }

  /** What refine calls a row: its key, as JSON where that has several properties. */
  id(key: RowKey): BaseKey {
    return typeof key === "object" ? JSON.stringify(key) : key;
  }

  /** The row as refine wants it: with an `id`. */
  named(row: Row): NamedRow {
    return { id: this.id(keyOf(this.keys, row)), ...row };
  }
}

const tables = new WeakMap<object, Map<string, Table>>();

export function tableOf(client: object, resource: string): Table {
  const known = tables.get(client) ?? new Map<string, Table>();
  const table = known.get(resource) ?? new Table(client, resource);
  tables.set(client, known.set(resource, table));
  return table;
}
