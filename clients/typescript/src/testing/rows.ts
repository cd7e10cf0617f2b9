// The rows of a fake gateway: one table for each resource, and the subscriptions to it.
//
// It reads and writes as a gateway does where every user may see and change every row: filters, order, keys, defaults. It checks no
// schema. Invariant: every connection's copy of a subscription is what `list` with the same filters would answer.

import type { FeedPosition, Row, RowKey, SortTerm } from "../../../../generated/typescript/protocol.js";
import { canonical, matches } from "../optimistic/filters.js";
import type { PropertyType, ResourceShape } from "../options.js";
import { nameOf, picked } from "../rows/key.js";
import { byOrder } from "../rows/order.js";
import type { WireMessage } from "../wire.js";
import type { FakeConnection } from "./connection.js";
import { refuse } from "./refusals.js";

type Types = ResourceShape["types"];
type Action = "create" | "update" | "delete";

interface FakeSubscription {
  readonly id: string;
  readonly connection: FakeConnection;
  readonly same: string;
  readonly filters: object | undefined;
  readonly fields: readonly string[] | undefined;
}

/** Where the changes of all resources stand. */
export class FakeLog {
  #seq = 0;

  get position(): FeedPosition {
    return { epoch: "fake", seq: this.#seq };
  }

  next(): FeedPosition {
    this.#seq += 1;
    return this.position;
  }
}

/** The rows of one resource, as a test reads and changes them. Subscribed clients get every change. */
export class FakeRows<R = Row, K = RowKey> {
  readonly #shape: ResourceShape;
  readonly #log: FakeLog;
  #rows = new Map<string, Row>();
  readonly #subscriptions = new Set<FakeSubscription>();
  /** What is told when the request under way has done all that it asks for. */
  #untold: (() => void)[] | undefined;
  #ids = 0;

  constructor(
    readonly name: string,
    shape: ResourceShape,
    log: FakeLog,
  ) {
    this.#shape = shape;
    this.#log = log;
  }

  /** All rows, in the order of their keys. */
  all(): R[] {
    return this.#sorted([]) as R[];
  }

  /** Add rows as another program would. Returns them as they are in the table. */
  create(...rows: Partial<R>[]): R[] {
    return rows.map((row) => this.#insert({ ...row } as Row)) as R[];
  }

  /** Change the row with this key as another program would. Throws if there is none. */
  update(key: K, changes: Partial<R>): R {
    return this.#change(this.#found(key as RowKey), changes as Row) as R;
  }

  /** Remove the row with this key as another program would. Throws if there is none. */
  delete(key: K): void {
    this.#remove(this.#found(key as RowKey));
  }

  // -- requests -----------------------------------------------------------------------------------------------------------

  /** The reply to a request of a client. Throws what `refuse` makes. */
  answer(message: WireMessage): { rows: Row[]; total?: number; position: FeedPosition } {
    const origin = message.key as string | undefined;
    switch (message.type) {
      case "list":
        return this.#list(message);
      case "get":
        return this.#answered(this.#named(message, false).map((row) => shown(row, this.#shape.key, fieldsOf(message))));
      case "create":
        return this.#written(() => [message.data as Row].flat().map((row) => this.#insert({ ...row }, origin)));
      case "update":
        return this.#written(() => this.#named(message).map((row) => this.#change(row, message.data as Row, origin)));
      default:
        return this.#written(() => this.#named(message).map((row) => this.#remove(row, origin)));
    }
  }

  /** A client subscribes: `subscribed`, and the rows if it asked for them. */
  subscribe(connection: FakeConnection, message: WireMessage, id: string): void {
    const { ref, resource, filters } = message;
    const same = JSON.stringify([filters, message.fields]);
    const known = [...this.#subscriptions].find((each) => each.connection === connection && each.same === same);
    const fields = fieldsOf(message);
    const subscription = known ?? { id, connection, same, filters: filters as object | undefined, fields };
    const snapshot = !known && (message.snapshot === true || message.since !== undefined);
    this.#subscriptions.add(subscription);
    const { position } = this.#log;
    const mode = snapshot ? "snapshot" : "live";
    connection.push("subscribed", { subscription: subscription.id, resource, position, mode, ref });
    if (!snapshot) return;
    const rows = this.#sorted([])
      .filter((row) => this.#matches(row, subscription.filters))
      .map((row) => shown(row, this.#shape.key, fields));
    connection.push("snapshot", { subscription: subscription.id, rows, reset: true, done: true, position });
  }

  /** A client ends a subscription by its id, or by its filters. Returns its id. */
  unsubscribe(connection: FakeConnection, message: WireMessage): string | undefined {
    for (const each of this.#subscriptions) {
      const named = message.subscription ? each.id === message.subscription : sameFilters(each, message);
      if (each.connection !== connection || !named) continue;
      this.#subscriptions.delete(each);
      return each.id;
    }
    return undefined;
  }

  /** The connection is gone. */
  left(connection: FakeConnection): void {
    for (const each of this.#subscriptions) if (each.connection === connection) this.#subscriptions.delete(each);
  }

  // -- within -------------------------------------------------------------------------------------------------------------

  /** Write all of it or, where something is refused, nothing. */
  #written(work: () => Row[]) {
    const before = new Map(this.#rows);
    const untold: (() => void)[] = [];
    this.#untold = untold;
    let rows: Row[];
    try {
      rows = work();
    } catch (error) {
      this.#rows = before;
      throw error;
    } finally {
      this.#untold = undefined;
    }
    for (const tellSubscribers of untold) tellSubscribers();
    return this.#answered(rows);
  }

  #answered(rows: Row[], total?: number) {
    return { rows, position: this.#log.position, ...(total === undefined ? {} : { total }) };
  }

  #list(message: WireMessage) {
    const found = this.#sorted((message.sort ?? []) as SortTerm[]).filter((row) =>
      this.#matches(row, message.filters as object | undefined),
    );
    const offset = (message.offset as number | undefined) ?? 0;
    const limit = (message.limit as number | undefined) ?? 1000;
    const page = found.slice(offset, offset + limit).map((row) => shown(row, this.#shape.key, fieldsOf(message)));
    return this.#answered(page, message.count ? found.length : undefined);
  }

  #sorted(sort: SortTerm[]): Row[] {
    return [...this.#rows.values()].sort(byOrder(sort, this.#shape.key, this.#shape.types));
  }

  #matches(row: Row, filters: object | undefined): boolean {
    const answer = matches(row, filters, this.#typesOf(row, filters), true);
    if (answer === undefined) throw new Error(`the fake gateway does not know the filter ${JSON.stringify(filters)}`);
    return answer;
  }

  /** Where the test gave no types, text is text. */
  #typesOf(row: Row, filters: object | undefined): Types {
    const names = [...Object.keys(row), ...Object.keys(filters ?? {})];
    const text = Object.fromEntries(names.map((name) => [name, "string" as PropertyType]));
    return { ...text, ...this.#shape.types };
  }

  #named(message: WireMessage, all = true): Row[] {
    const keys = [(message.ids ?? message.id) as RowKey].flat();
    const found = keys.map((key) => this.#rows.get(this.#nameOfKey(key)));
    if (all && found.includes(undefined)) throw refuse("not_found", "there is no such row", { pointer: "/id" });
    const rows = found.filter((row) => row !== undefined);
    for (const [name, wanted] of Object.entries((message.if ?? {}) as Row)) {
      if (rows.every((row) => JSON.stringify(row[name] ?? null) === JSON.stringify(wanted))) continue;
      throw refuse("conflict", "the row has another value now", { pointer: `/if/${name}` });
    }
    return rows;
  }

  #found(key: RowKey): Row {
    const row = this.#rows.get(this.#nameOfKey(key));
    if (!row) throw new Error(`${this.name} has no row with the key ${JSON.stringify(key)}`);
    return row;
  }

  #nameOfKey(key: RowKey): string {
    const { key: names, types } = this.#shape;
    const values = typeof key === "object" ? (key as Row) : { [names[0] as string]: key };
    const spelled = names.map((name) => [name, canonical(values[name], types[name])]);
    return nameOf(names, Object.fromEntries(spelled));
  }

  #insert(given: Row, origin?: string): Row {
    const { key, types, defaults, now = [] } = this.#shape;
    const row: Row = this.#spelled({ ...defaults, ...given });
    for (const name of now) row[name] ??= new Date().toISOString().replace("Z", "000Z");
    for (const name of key) row[name] ??= types[name] === "uuid" ? crypto.randomUUID() : this.#nextId(name);
    this.#add(row, origin);
    return row;
  }

  #add(row: Row, origin?: string): void {
    const { key } = this.#shape;
    const name = nameOf(key, row);
    if (this.#rows.has(name)) throw refuse("conflict", "there is a row with this key", { pointer: `/data/${key[0]}` });
    this.#rows.set(name, row);
    this.#tell("create", undefined, row, origin);
  }

  /** The values as the gateway spells them. */
  #spelled(row: Row): Row {
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, canonical(value, this.#shape.types[name])]),
    );
  }

  #nextId(name: string): number | string {
    for (const row of this.#rows.values()) this.#ids = Math.max(this.#ids, Number(row[name]) || 0);
    this.#ids += 1;
    return this.#shape.types[name] === "string" || this.#shape.types[name] === "int64" ? String(this.#ids) : this.#ids;
  }

  #change(old: Row, changes: Row, origin?: string): Row {
    const row = { ...old, ...this.#spelled(changes) };
    const { key } = this.#shape;
    if (nameOf(key, row) === nameOf(key, old)) {
      this.#rows.set(nameOf(key, row), row);
      this.#tell("update", old, row, origin);
    } else {
      // Another key makes it another row.
      this.#add(row, origin);
      this.#remove(old, origin);
    }
    return row;
  }

  #remove(old: Row, origin?: string): Row {
    this.#rows.delete(nameOf(this.#shape.key, old));
    this.#tell("delete", old, undefined, origin);
    return picked(old, this.#shape.key);
  }

  /** Each subscription is told what its copy has to do, which may be another thing than what happened to the row. */
  #tell(cause: Action, before: Row | undefined, after: Row | undefined, origin?: string): void {
    if (this.#untold) {
      this.#untold.push(() => this.#tell(cause, before, after, origin));
      return;
    }
    const position = this.#log.next();
    for (const { id, connection, filters, fields } of this.#subscriptions) {
      const had = before !== undefined && this.#matches(before, filters);
      const has = after !== undefined && this.#matches(after, filters);
      if (!had && !has) continue;
      const action: Action = has ? (had ? "update" : "create") : "delete";
      const data = has ? shown(after, this.#shape.key, fields) : picked(before as Row, this.#shape.key);
      const rest = origin === undefined ? {} : { origin };
      connection.push("update", { subscription: id, resource: this.name, action, data, position, cause, ...rest });
    }
  }
}

function fieldsOf(message: WireMessage): readonly string[] | undefined {
  return message.fields as readonly string[] | undefined;
}

function sameFilters({ same }: FakeSubscription, { filters }: WireMessage): boolean {
  return JSON.parse(same)[0] === null ? filters === undefined : same.startsWith(`[${JSON.stringify(filters)},`);
}

function shown(row: Row, key: readonly string[], fields: readonly string[] | undefined): Row {
  return fields ? picked(row, [...new Set([...key, ...fields])]) : row;
}
