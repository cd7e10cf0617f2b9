// The rows of one resource: list, get, create, update, delete, and live queries.
//
// It builds the requests and reads the `rows` replies. It does not know connections.
// Invariant: every mutation carries an idempotency key, so that the gateway writes it once however often it is sent.

import type { FeedPosition, Filters, Rows } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { InvalidOption, TidegateError } from "../errors.js";
import { idempotencyKey } from "../idempotency.js";
import { type ClientPort, portOf } from "../part.js";
import type { AppContract, CreateOf, FiltersOf, KeyOf, ResourceName, RowOf, UpdateOf } from "../types.js";
import { plain, type WriteMessage } from "../wire.js";
import { LiveQuery } from "./live.js";
import { byOrder, type Sort, sortTerm } from "./order.js";
import { Queries } from "./queries.js";
import type { Since } from "./query.js";

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

/** The gateway's answer to reads and writes. */
type Reply<R> = Rows & { rows: R[] };

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
export function queriesOf({ parts, link, options }: ClientPort): Queries {
  const queries = (parts.get("rows") as Queries | undefined) ?? new Queries(link, options);
  parts.set("rows", queries);
  return queries;
}

export class Resource<A extends AppContract, N extends ResourceName<A>> {
  declare readonly name: N;
  readonly #port: ClientPort;

  /** A program gets one from `resource(client, name)`. */
  constructor(port: ClientPort, name: N) {
    this.#port = port;
    this.name = name;
  }

  async list(options: ListOptions<FiltersOf<A, N>> = {}): Promise<RowOf<A, N>[]> {
    return (await this.#list(options)).rows;
  }

  /** As `list`, with the number of all rows that match. */
  async page(options: ListOptions<FiltersOf<A, N>> = {}): Promise<{ rows: RowOf<A, N>[]; total: number }> {
    const { rows, total = 0 } = await this.#list({ ...options, count: true });
    return { rows, total };
  }

  /** The row with this key, or undefined. */
  async get(id: KeyOf<A, N>, options: GetOptions = {}): Promise<RowOf<A, N> | undefined> {
    return (await this.#ask({ ...options, type: "get", id })).rows[0];
  }

  /** The rows with these keys, without those that do not exist. */
  async getMany(ids: KeyOf<A, N>[], options: GetOptions = {}): Promise<RowOf<A, N>[]> {
    return (await this.#ask({ ...options, type: "get", ids })).rows;
  }

  /** Add one row and return it as it was written. */
  create(data: CreateOf<A, N>, options: CreateOptions = {}): Promise<RowOf<A, N>> {
    return this.#writeOne({ type: "create", data }, options);
  }

  /** Add several rows in one transaction. */
  async createMany(data: CreateOf<A, N>[], options: CreateOptions = {}): Promise<RowOf<A, N>[]> {
    return (await this.#write({ type: "create", data }, options)).rows;
  }

  /** Change the properties in `data`. `not_found`, or `conflict` unless the row has the values of `expect`. */
  update(id: KeyOf<A, N>, data: UpdateOf<A, N>, options: WriteOptions<RowOf<A, N>> = {}): Promise<RowOf<A, N>> {
    return this.#writeOne({ type: "update", id, data }, options);
  }

  /** Change the same properties of several rows: all of them or, with `not_found` or `conflict`, none. */
  async updateMany(
    ids: KeyOf<A, N>[],
    data: UpdateOf<A, N>,
    options: WriteOptions<RowOf<A, N>> = {},
  ): Promise<RowOf<A, N>[]> {
    return (await this.#write({ type: "update", ids, data }, options)).rows;
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
    const { filters, fields, key, sort, limit, since, ...others } = options;
    // Ignoring a filter would show too much.
    for (const name in others) throw new InvalidOption(`there is no option "${name}"`);
    const { link, options: settings } = this.#port;
    if (link.ended) throw link.ended;
    const queries = queriesOf(this.#port);
    const copy = queries.watch({
      resource: this.name,
      key,
      filters: Object.keys(filters ?? {}).length ? plain("subscribe", filters as Filters) : undefined,
      // What a live query is sorted by, it has to know.
      fields: fields && [...new Set([...fields, ...(sort ?? []).map((term) => sortTerm(term).field)])],
      since: since && ("position" in since ? since : { position: since }),
    });
    const compare = sort && byOrder(sort, copy.key, settings.resources?.[this.name]?.types);
    return new LiveQuery<never>(copy, compare, limit, () => queries.release(copy)) as object as LiveQuery<RowOf<A, N>>;
  }

  #list({ sort, ...options }: ListOptions<FiltersOf<A, N>> & { count?: boolean }): Promise<Reply<RowOf<A, N>>> {
    return this.#ask({ type: "list", ...options, sort: sort?.map(sortTerm) });
  }

  async #writeOne(message: Partial<WriteMessage>, options: WriteOptions<RowOf<A, N>>): Promise<RowOf<A, N>> {
    const [row] = (await this.#write(message, options)).rows;
    if (row !== undefined) return row;
    throw new TidegateError("not_readable", "written, but this user may not read the row");
  }

  #write(
    message: Partial<WriteMessage>,
    { key = idempotencyKey(), expect, optimistic = true, ...others }: WriteOptions<RowOf<A, N>>,
  ): Promise<Reply<RowOf<A, N>>> {
    // What is no option goes out as well: the gateway refuses it, where ignoring a condition would write too much.
    const write = { if: expect, ...others, ...message, resource: this.name, key } as WriteMessage;
    const { writes } = this.#port;
    const send = () => this.#ask(write);
    return writes && optimistic ? (writes.run(write, send) as Promise<never>) : send();
  }

  #ask(message: object): Promise<Reply<RowOf<A, N>>> {
    return this.#port.request({ resource: this.name, ...message } as never) as Promise<never>;
  }
}
