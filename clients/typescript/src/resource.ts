// The rows of one resource: read, written, and watched.

import type { Filters, Row, Rows, SortTerm } from "../../../generated/typescript/protocol.js";
import { idempotencyKey } from "./idempotency.js";
import type { Message } from "./link.js";
import type { Live, Query } from "./live.js";
import type { AppContract, CreateOf, FiltersOf, KeyOf, ResourceName, RowOf, UpdateOf } from "./types.js";

export interface ListOptions<F> {
  filters?: F;
  sort?: SortTerm[];
  limit?: number;
  offset?: number;
  fields?: string[];
}

/** What the client lends a resource. */
export interface Asking {
  ask(message: Message): Promise<Message>;
  watch(query: Query): Live<never>;
  release(live: Live<never>): void;
}

/** Rows that are kept up to date until `close`. */
export interface LiveQuery<R> {
  readonly rows: readonly R[];
  readonly ready: boolean;
  on: Live<R & object>["on"];
  close(): void;
}

export class Resource<A extends AppContract, N extends ResourceName<A>> {
  readonly name: N;
  readonly #client: Asking;

  constructor(client: Asking, name: N) {
    this.#client = client;
    this.name = name;
  }

  async list(options: ListOptions<FiltersOf<A, N>> = {}): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#ask({ type: "list", ...options }));
  }

  /** Like `list`, with the number of rows that match in all. */
  async page(options: ListOptions<FiltersOf<A, N>> = {}): Promise<{ rows: RowOf<A, N>[]; total: number }> {
    const reply = await this.#ask({ type: "list", ...options, count: true });
    return { rows: this.#rows(reply), total: reply.total ?? 0 };
  }

  /** The row, or undefined where there is none. */
  async get(id: KeyOf<A, N>): Promise<RowOf<A, N> | undefined> {
    return this.#rows(await this.#ask({ type: "get", id }))[0];
  }

  async getMany(ids: KeyOf<A, N>[]): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#ask({ type: "get", ids }));
  }

  async create(data: CreateOf<A, N>): Promise<RowOf<A, N>> {
    return this.#rows(await this.#write({ type: "create", data }))[0] as RowOf<A, N>;
  }

  /** Several rows in one transaction. */
  async createMany(data: CreateOf<A, N>[]): Promise<RowOf<A, N>[]> {
    return this.#rows(await this.#write({ type: "create", data }));
  }

  /** Change a row; with `expected`, only while it still has those values. */
  async update(id: KeyOf<A, N>, data: UpdateOf<A, N>, expected?: Partial<RowOf<A, N>>): Promise<RowOf<A, N>> {
    const condition = expected ? { if: expected } : {};
    return this.#rows(await this.#write({ type: "update", id, data, ...condition }))[0] as RowOf<A, N>;
  }

  async delete(id: KeyOf<A, N>, expected?: Partial<RowOf<A, N>>): Promise<void> {
    await this.#write({ type: "delete", id, ...(expected ? { if: expected } : {}) });
  }

  /** Rows that match now, and every change to them from then on. */
  subscribe(options: { filters?: FiltersOf<A, N>; fields?: string[] } = {}): LiveQuery<RowOf<A, N>> {
    const live = this.#client.watch({
      resource: this.name,
      filters: options.filters as Filters | undefined,
      fields: options.fields,
    });
    const ends = new Set<() => void>();
    let open = true;
    return {
      get rows() {
        return live.rows;
      },
      get ready() {
        return live.ready;
      },
      on: (event, listener) => {
        if (!open) return () => {};
        const end = live.on(event, listener as never);
        ends.add(end);
        return end;
      },
      close: () => {
        if (!open) return;
        open = false;
        for (const end of ends) end();
        this.#client.release(live);
      },
    };
  }

  #rows(reply: Rows): RowOf<A, N>[] {
    return reply.rows as Row[] as RowOf<A, N>[];
  }

  /** Writes carry a key of their own, so that one cut off by a broken line can be sent again and is done once. */
  #write(message: object): Promise<Rows> {
    return this.#ask({ ...message, key: idempotencyKey() });
  }

  async #ask(message: object): Promise<Rows> {
    return (await this.#client.ask({ resource: this.name, ...message } as unknown as Message)) as unknown as Rows;
  }
}
