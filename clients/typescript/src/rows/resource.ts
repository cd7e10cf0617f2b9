// The rows of one resource: list, get, create, update, delete, and live queries.
//
// It builds the requests and reads the `rows` replies. It does not know connections.
// Invariant: every mutation carries an idempotency key, so that the gateway writes it once however often it is sent.

import type { FeedPosition, Filters, Row, Rows } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { TidegateError } from "../errors.js";
import { idempotencyKey } from "../idempotency.js";
import { type ClientPort, portOf } from "../part.js";
import type { AppContract, CreateOf, FiltersOf, KeyOf, ResourceName, RowOf, UpdateOf } from "../types.js";
import { plain, type WireMessage } from "../wire.js";
import { LiveQuery } from "./live.js";
import { byOrder, type Sort, sortTerm } from "./order.js";
import { Queries } from "./queries.js";
import type { Query, Since } from "./query.js";
import { Window } from "./window.js";

export interface ListOptions<F> {
  filters?: F | undefined;
  sort?: readonly Sort[] | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
  fields?: string[] | undefined;
}

export interface GetOptions {
  /** Only these properties. */
  fields?: string[] | undefined;
}

export interface CreateOptions {
  /** The idempotency key; the client makes one where the program names none. */
  key?: string | undefined;
  /** With `tidegate/optimistic`: false shows nothing before the answer. */
  optimistic?: boolean | undefined;
}

export interface WriteOptions<R> extends CreateOptions {
  /** Values that the row must have; otherwise the gateway refuses with `conflict`. */
  expect?: Partial<R> | undefined;
}

/** A request that writes rows. */
export interface WriteMessage extends WireMessage {
  type: "create" | "update" | "delete";
  resource: string;
  key: string;
  id?: unknown;
  ids?: unknown[];
  data?: unknown;
  if?: object | undefined;
}

export interface SubscribeOptions<F> {
  filters?: F | undefined;
  fields?: string[] | undefined;
  /** The key's properties, where neither `id` nor the option `keys` names them. */
  key?: string | readonly string[] | undefined;
  /** Keep the rows in this order; otherwise they are in the order in which they came. */
  sort?: readonly Sort[] | undefined;
  /** Show this many rows, the first ones; `hasMore` tells whether there are others. */
  limit?: number | undefined;
  /** Begin with the changes after this position, without the rows: `live.since` of an earlier live query. */
  since?: Since | FeedPosition | undefined;
}

/** The rows of one resource, as a program reads, writes and watches them. */
export function resource<A extends AppContract, N extends ResourceName<A>>(client: Client<A>, name: N): Resource<A, N> {
  return new Resource<A, N>(portOf(client), name);
}

/** The live queries of a client. */
export const queriesOf = ({ part }: ClientPort): Queries =>
  part(Symbol.for("tidegate.rows"), (link, options) => new Queries(link, options));

export class Resource<A extends AppContract, N extends ResourceName<A>> {
  readonly name: N;
  readonly #port: ClientPort;

  /** A program gets one from `resource(client, name)`. */
  constructor(port: ClientPort, name: N) {
    this.#port = port;
    this.name = name;
  }

  async list(options: ListOptions<FiltersOf<A, N>> = {}): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#list(options));
  }

  /** As `list`, with the number of all rows that match. */
  async page(options: ListOptions<FiltersOf<A, N>> = {}): Promise<{ rows: RowOf<A, N>[]; total: number }> {
    const reply = await this.#list({ ...options, count: true });
    return { rows: this.#rows(reply), total: reply.total ?? 0 };
  }

  /** The row with this key, or undefined. */
  async get(id: KeyOf<A, N>, { fields }: GetOptions = {}): Promise<RowOf<A, N> | undefined> {
    return this.#rows(await this.#ask({ type: "get", id, fields }))[0];
  }

  /** The rows with these keys, without those that do not exist. */
  async getMany(ids: KeyOf<A, N>[], { fields }: GetOptions = {}): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#ask({ type: "get", ids, fields }));
  }

  /** Add one row and return it as it was written. */
  async create(data: CreateOf<A, N>, options: CreateOptions = {}): Promise<RowOf<A, N>> {
    return this.#one(await this.#write({ type: "create", data }, options));
  }

  /** Add several rows in one transaction. */
  async createMany(data: CreateOf<A, N>[], options: CreateOptions = {}): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#write({ type: "create", data }, options));
  }

  /** Change the properties in `data`. `not_found`, or `conflict` unless the row has the values of `expect`. */
  async update(id: KeyOf<A, N>, data: UpdateOf<A, N>, options: WriteOptions<RowOf<A, N>> = {}): Promise<RowOf<A, N>> {
    return this.#one(await this.#write({ type: "update", id, data }, options));
  }

  /** Change the same properties of several rows: all of them or, with `not_found` or `conflict`, none. */
  async updateMany(
    ids: KeyOf<A, N>[],
    data: UpdateOf<A, N>,
    options: WriteOptions<RowOf<A, N>> = {},
  ): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#write({ type: "update", ids, data }, options));
  }

  /** Remove the row with this key. `not_found`, or `conflict` unless the row has the values of `expect`. */
  async delete(id: KeyOf<A, N>, options: WriteOptions<RowOf<A, N>> = {}): Promise<void> {
    await this.#write({ type: "delete", id }, options);
  }

  /** Remove several rows: all of them or none. */
  async deleteMany(ids: KeyOf<A, N>[], options: WriteOptions<RowOf<A, N>> = {}): Promise<void> {
    await this.#write({ type: "delete", ids }, options);
  }

  /** Rows that match now, and every change to them from then on. */
  subscribe(options: SubscribeOptions<FiltersOf<A, N>> = {}): LiveQuery<RowOf<A, N>> {
    const { filters, fields, key, sort, limit, since } = options;
    const query: Query = { resource: this.name, key };
    if (Object.keys(filters ?? {}).length > 0) query.filters = plain("subscribe", filters as Filters);
    // What a live query is sorted by, it has to know.
    if (fields) query.fields = [...new Set([...fields, ...(sort ?? []).map((term) => sortTerm(term).field)])];
    if (since) query.since = "position" in since ? since : { position: since };
    const { link, options: settings } = this.#port;
    if (link.ended) throw link.ended;
    const queries = queriesOf(this.#port);
    const subscription = queries.watch(query);
    const compare = sort && byOrder(sort, subscription.key, settings.resources?.[this.name]?.types);
    const window = new Window<never>(compare, limit);
    const release = () => queries.release(subscription);
    return new LiveQuery<never>(subscription, window, release) as unknown as LiveQuery<RowOf<A, N>>;
  }

  #list({ sort, ...options }: ListOptions<FiltersOf<A, N>> & { count?: boolean }): Promise<Rows> {
    return this.#ask({ type: "list", ...options, sort: sort?.map(sortTerm) });
  }

  #rows(reply: Rows): RowOf<A, N>[] {
    return reply.rows as Row[] as RowOf<A, N>[];
  }

  #one(reply: Rows): RowOf<A, N> {
    const [row] = this.#rows(reply);
    if (row !== undefined) return row;
    throw new TidegateError("not_readable", `the '${this.name}' row was written, but this user may not read it`);
  }

  #write(message: Partial<WriteMessage>, { key, expect, optimistic }: WriteOptions<RowOf<A, N>>): Promise<Rows> {
    const write = { ...message, resource: this.name, if: expect, key: key ?? idempotencyKey() } as WriteMessage;
    const { writes } = this.#port;
    const send = () => this.#ask(write);
    return writes && optimistic !== false ? writes.run(write, send) : send();
  }

  async #ask(message: object): Promise<Rows> {
    const given = Object.entries({ resource: this.name, ...message }).filter(([, value]) => value !== undefined);
    return (await this.#port.request(Object.fromEntries(given) as WireMessage)) as unknown as Rows;
  }
}
