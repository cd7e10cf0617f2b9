// The rows that a collection has: the union of live queries, one for each subset of the resource that TanStack asks for.
//
// Each subset stays live until TanStack needs it no more. A subset with a limit is the filter "up to the row at the limit",
// so that a row that later comes before that row belongs to it too. Equal live queries are one in the client.
// Invariant: a row is in the collection as long as one of the live queries has it, as the furthest of them has it.

import type { LoadSubsetOptions, SyncConfig, SyncConfigRes } from "@tanstack/db";
import type { Filters, Row } from "../../../../generated/typescript/protocol.js";
import { isEqual } from "../rows/equal.js";
import type { LiveQuery } from "../rows/live.js";
import { ALL, combine, compare, fieldOf, type Narrowed, narrow } from "./filters.js";
import type { Key, Shape } from "./shape.js";

/** What TanStack wants, and the live query that has it. `ALL` is what a collection wants that loads all rows. */
export type Demands = Map<LoadSubsetOptions, LiveQuery<Row> | undefined>;

/** By the key of each write under way: the keys of the rows whose change the live queries have. */
export type Returning = Map<string, Set<string>>;
export type Sink = Parameters<SyncConfig<Row, Key>["sync"]>[0];

/**
 * "eager" loads all rows at the start; "on-demand" loads what the queries ask for; "progressive" does both, so that the
 * queries have rows while the others are under way.
 */
export type SyncMode = "eager" | "on-demand" | "progressive";

/** What a collection needs of `resource(client, name)`. */
export interface Source {
  list(options: object): Promise<Row[]>;
  subscribe(options: { filters: Filters | undefined }): LiveQuery<Row>;
}

/** Live queries of one collection; what would need more of them gets all rows. The gateway allows a connection 100. */
const MAX_SUBSETS = 50;

/** Load what TanStack wants. */
export function load(
  source: Source,
  shape: Shape,
  base: Filters,
  syncMode: SyncMode,
  demands: Demands,
  returning: Returning,
  { begin, write, commit, markReady, markError }: Sink,
): SyncConfigRes {
  /** The rows that the collection has, as they came. */
  let rows = new Map<Key, Row>();

  const isComplete = () => demands.get(ALL)?.ready;

  /** Give the collection what the live queries have. Returns when TanStack shows it. */
  function tell() {
    const now = new Map<Key, Row>();
    const seq = (live: LiveQuery<Row> | undefined) => live?.position?.seq ?? 0;
    for (const live of [...demands.values()].sort((a, b) => seq(a) - seq(b))) {
      for (const row of live?.rows ?? []) now.set(shape.keyOf(row), row);
    }
    begin();
    for (const [key, row] of now) {
      const known = rows.get(key);
      if (!isEqual(known, row)) write({ type: known ? "update" : "insert", value: shape.read(row) });
    }
    for (const key of rows.keys()) if (!now.has(key)) write({ type: "delete", key });
    rows = now;
    const shown = commit();
    if (isComplete()) markReady();
    return shown;
  }

  /**
   * The filters of the rows from the cursor up to the row at the limit, and all that have the same value as that. The
   * second filters are without rows that have no value: the gateway refuses the first where none can be without it.
   */
  async function limited(
    { orderBy, limit, offset = 0, cursor }: LoadSubsetOptions,
    where: Filters,
  ): Promise<Narrowed[]> {
    const first = orderBy?.[0];
    const field = fieldOf(first?.expression);
    if (!limit || !first || !field) return [where];
    const { direction: order, nulls, stringSort } = first.compareOptions;
    const rest = combine("and", [where, narrow(cursor?.whereFrom)]);
    const [row] = await source.list({
      filters: combine("and", [base, rest]),
      sort: [{ field, order }],
      offset: limit - 1 + (cursor ? 0 : offset),
      limit: 1,
    });
    const value = row?.[field] ?? null;
    // The gateway puts rows without a value first, and orders text in its own way.
    const isOther = nulls === "last" || (typeof value === "string" && stringSort !== "lexical");
    if (value === null || isOther) return [where];
    const end = compare(field, order === "asc" ? "lte" : "gte", value);
    return [combine("or", [end, { [field]: null }]), end].map((part) => combine("and", [rest, part]));
  }

  function release(options: LoadSubsetOptions): void {
    demands.get(options)?.close();
    demands.delete(options);
    tell();
  }

  /** Keep the rows of the first filters live that the gateway takes; in the end all rows. */
  async function hold(options: LoadSubsetOptions, where: Filters): Promise<void> {
    demands.set(options, undefined);
    const attempts = await limited(options, where).catch(() => [where]);
    for (const attempt of [...attempts, ALL]) {
      if (!attempt || !demands.has(options)) return;
      demands.get(options)?.close();
      const filters = demands.size > MAX_SUBSETS ? ALL : attempt;
      const live = source.subscribe({ filters: combine("and", [base, filters]) });
      demands.set(options, live);
      live.on("change", tell);
      if (options === ALL) live.on("error", (error) => error.retryable || markError(error));
      // A handler hears it later than the collection: `change` comes in the next microtask.
      live.on("update", ({ origin = "", key }) => returning.get(origin)?.add(JSON.stringify(key)));
      try {
        await live.loaded();
        await tell();
        return;
      } catch (error) {
        if (filters === ALL) throw error;
      }
    }
  }

  if (syncMode === "on-demand") markReady();
  else hold(ALL, ALL).catch(markError);

  return {
    loadSubset(options) {
      const where = narrow(options.where);
      return !where || isComplete() || hold(options, where);
    },
    unloadSubset: release,
    cleanup() {
      for (const options of demands.keys()) release(options);
    },
  };
}
