// refine's data provider: each call is one request to the gateway.
//
// Invariant: a call that fails rejects with refine's HttpError; one whose signal aborts rejects with the signal's reason.

import type {
  BaseKey,
  CreateManyParams,
  CreateParams,
  CustomParams,
  DataProvider,
  DeleteManyParams,
  DeleteOneParams,
  GetListParams,
  GetManyParams,
  GetOneParams,
  MetaQuery,
  UpdateManyParams,
  UpdateParams,
} from "@refinedev/core";
import type { Row, Rows } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { idempotencyKey } from "../idempotency.js";
import { portOf } from "../part.js";
import type { AppContract } from "../types.js";
import { filtersOf } from "./conditions.js";
import { failure, httpError } from "./failures.js";
import { type NamedRow, type Table, tableOf } from "./table.js";

interface Write {
  type: "create" | "update" | "delete";
  ids?: BaseKey[];
  data?: Row | Row[];
  if?: Row;
}

/** The most rows that one `list` may ask for. */
const MAX_PAGE = 1000;

/** A data provider for `<Refine>` over the rows and messages of a gateway. */
export function dataProvider<A extends AppContract>(client: Client<A>): Required<DataProvider> {
  const ask = (table: Table, message: object, meta?: MetaQuery) => {
    const asked = portOf(client).request({ ...message, resource: table.resource } as never);
    return settled(asked as Promise<unknown> as Promise<Rows>, meta);
  };

  const read = async (table: Table, message: object, meta: MetaQuery | undefined) => {
    table.reads += 1;
    try {
      const { position, rows, total } = await ask(
        table,
        meta?.fields?.[0] ? { ...message, fields: meta.fields } : message,
        meta,
      );
      table.first ??= position;
      table.last = position;
      return { rows: rows.map(table.named, table), total };
    } finally {
      table.reads -= 1;
      for (const ended of table.idle) ended();
    }
  };

  /** Write rows in one message. */
  const write = async (resource: string, { ids, ...message }: Write) => {
    const table = tableOf(client, resource);
    const key = idempotencyKey();
    // The events of a write come soon after it.
    table.own = [key, ...table.own.slice(0, 999)];
    const { rows } = await ask(table, { ...message, ids: ids?.map(table.key, table), key });
    return { data: rows.map(table.named, table) };
  };

  /** The rows with these ids, in their order, without those that do not exist. */
  const getMany = async ({ resource, ids, meta }: GetManyParams) => {
    const table = tableOf(client, resource);
    const message = { type: "get", ids: ids.map(table.key, table) };
    const { rows } = ids.length > 0 ? await read(table, message, meta) : { rows: [] };
    return { data: ids.flatMap((id) => rows.find((row) => String(row.id) === String(id)) ?? []) };
  };

  const updateMany = ({ resource, ids, variables, meta }: UpdateManyParams<Row>) => {
    const { id: _, ...data } = variables;
    // The values that this write replaces: another user may have changed them. `if` compares no lists and objects.
    const previous = Object.entries(meta?.previousData ?? {}).filter(
      ([name, value]) => name in data && Object(value) !== value,
    );
    return write(resource, { type: "update", ids, data, ...(previous[0] && { if: Object.fromEntries(previous) }) });
  };

  const deleteMany = ({ resource, ids }: DeleteManyParams) => write(resource, { type: "delete", ids });

  const provider = {
    getMany,
    updateMany,
    deleteMany,
    /** The gateway needs none. */
    getApiUrl: () => "",

    async getList({ resource, filters = [], sorters = [], pagination = {}, meta }: GetListParams) {
      const { currentPage = 1, pageSize = 10, mode = "server" } = pagination;
      const table = tableOf(client, resource);
      const matching = filtersOf(filters, table);
      if (matching === false) return { data: [], total: 0 };
      const [skipped, wanted] = mode === "server" ? [(currentPage - 1) * pageSize, pageSize] : [0, Infinity];
      const list = { type: "list", filters: matching, sort: sorters.filter(({ order }) => order), count: true };
      const data: NamedRow[] = [];
      for (;;) {
        const limit = Math.min(wanted - data.length, MAX_PAGE);
        const { rows, total } = await read(table, { ...list, limit, offset: skipped + data.length }, meta);
        data.push(...rows);
        if (rows.length < limit || data.length >= wanted) return { data, total };
      }
    },

    async getOne({ resource, id, meta }: GetOneParams) {
      const one = first(await getMany({ resource, ids: [id], meta: meta as MetaQuery }));
      if (!one.data) throw failure(`${resource} has no row ${id}`, { statusCode: 404 });
      return one;
    },

    create: async ({ resource, variables }: CreateParams<Row>) =>
      first(await write(resource, { type: "create", data: variables })),

    createMany: ({ resource, variables }: CreateManyParams<Row>) =>
      write(resource, { type: "create", data: variables }),

    update: async ({ id, ...params }: UpdateParams<Row>) => first(await updateMany({ ids: [id], ...params })),

    deleteOne: async ({ id, resource }: DeleteOneParams) => first(await deleteMany({ ids: [id], resource })),

    /** A message of the application: its type is the url, its properties are the query and the payload. */
    async custom({ url, method, query, payload, meta }: CustomParams) {
      const message = { ...(query as object), ...(payload as object), type: url };
      return { data: await settled(client.request(message as never, { repeat: method === "get" }), meta) };
    },
  };
  return provider as unknown as Required<DataProvider>;
}

function first<T>({ data }: { data: T[] }): { data: T | undefined } {
  return { data: data[0] };
}

/** What `asked` brings, unless the signal of `meta` aborts before. */
async function settled<T>(asked: Promise<T>, meta?: MetaQuery): Promise<T> {
  const signal: AbortSignal | undefined = meta?.signal ?? meta?.queryContext?.signal;
  const aborted = new Promise<never>((_, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
  return Promise.race([aborted, asked]).catch((error) => {
    throw httpError(error);
  });
}
