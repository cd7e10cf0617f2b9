// The rows that a collection has: the union of live queries, one for each part of the resource that it was asked for.
//
// Each part stays live until TanStack needs it no more. A part with a limit is the filter "up to the row at the limit",
// so that a row that later comes before that row belongs to it too.
// Invariant: a row is in the collection as long as one of the live queries has it, as the furthest of them has it.

import type { LoadSubsetOptions, SyncConfig } from "@tanstack/db";
import type { Filters, Row } from "../../../../generated/typescript/protocol.js";
import type { TidegateError } from "../errors.js";
import { isKnown } from "../positions.js";
import type { LiveQuery } from "../rows/live.js";
import type { Change } from "../rows/query.js";
import { ALL, all, any, fieldOf, narrow } from "./filters.js";
import type { Key, Shape } from "./shape.js";

type Sync = Parameters<SyncConfig<Row, Key>["sync"]>[0];

/** What a collection needs of `resource(client, name)`. */
export interface Source {
  list(options: object): Promise<Row[]>;
  subscribe(options: { filters: Filters }): LiveQuery<Row>;
}

interface Subset {
  readonly name: string;
  readonly live: LiveQuery<Row>;
  readonly keys: Set<Key>;
  /** What happened since the collection was told; undefined: all rows may be others. */
  changes: Change<Row>[] | undefined;
  loaded: Promise<unknown>;
  users: number;
}

/** Live queries of one collection; what would need more of them gets all rows. The gateway allows a connection 100. */
const MAX_SUBSETS = 20;
/** The gateway does not take these filters, or no further subscription. */
const TOO_NARROW = /^(invalid_.*|too_large|limit_reached)$/;

/** The live queries of one collection. `heard` is called for each row of an own write that has come back. */
export function openSubsets(
  source: Source,
  shape: Shape,
  base: Filters,
  { begin, write, commit, markReady, markError }: Sync,
  heard: (origin: string, key: Key) => void,
) {
  const subsets = new Map<string, Subset>();
  const demands = new Map<LoadSubsetOptions, Subset | undefined>();
  /** The rows that the collection has, as they came. */
  const rows = new Map<Key, Row>();
  let whole: Subset | undefined;

  function put(subset: Subset, row: Row): Key {
    const key = shape.keyOf(row);
    const { position } = subset.live;
    subset.keys.add(key);
    const known = rows.get(key);
    const isBehind = [...subsets.values()].some(
      (other) => other !== subset && other.keys.has(key) && position && isKnown(other.live.position, position),
    );
    if (known !== row && !isBehind) {
      rows.set(key, row);
      write({ type: known ? "update" : "insert", value: shape.read(row) });
    }
    return key;
  }

  function remove(key: Key, owners: Iterable<Subset>): void {
    for (const { keys } of owners) keys.delete(key);
    for (const { keys } of subsets.values()) if (keys.has(key)) return;
    if (rows.delete(key)) write({ type: "delete", key });
  }

  /** Give the collection what happened to the rows of a subset. Returns when TanStack shows them. */
  function tell(subset: Subset): unknown {
    const { live, keys, changes } = subset;
    if (subsets.get(subset.name) !== subset) return undefined;
    subset.changes = [];
    begin();
    if (changes) {
      for (const { key, row, cause } of changes) {
        if (row) put(subset, row);
        // A row that is gone from the database is gone from every subset; the others hear it a moment later.
        else if (key !== undefined) remove(shape.keyOfId(key), cause === "delete" ? subsets.values() : [subset]);
      }
    } else {
      const gone = new Set(keys);
      for (const row of live.rows) gone.delete(put(subset, row));
      for (const key of gone) remove(key, [subset]);
    }
    const shown = commit();
    for (const { origin, key } of changes ?? []) if (origin && key !== undefined) heard(origin, shape.keyOfId(key));
    if (subset === whole && live.ready) {
      // The other live queries have nothing to add.
      for (const other of subsets.values()) if (other !== whole) close(other);
      markReady();
    }
    return shown;
  }

  function open(filters: Filters): Subset {
    const name = JSON.stringify(filters);
    const known = subsets.get(name);
    if (known) return known;
    if (subsets.size >= MAX_SUBSETS && filters !== ALL) return open(ALL);
    const live = source.subscribe({ filters: all([base, filters]) ?? base });
    const loaded = live.loaded().then(() => tell(subset));
    const subset: Subset = { name, live, keys: new Set(), changes: undefined, loaded, users: 0 };
    subsets.set(name, subset);
    live.on("update", (change) => {
      if (change.action === "reset") subset.changes = undefined;
      else subset.changes?.push(change);
    });
    live.on("change", () => tell(subset));
    return subset;
  }

  function close(subset: Subset): void {
    subset.live.close();
    if (subsets.get(subset.name) !== subset) return;
    subsets.delete(subset.name);
    begin();
    for (const key of subset.keys) remove(key, []);
    commit();
  }

  function release(options: LoadSubsetOptions): void {
    const subset = demands.get(options);
    demands.delete(options);
    if (!subset) return;
    subset.users -= 1;
    if (subset.users === 0) close(subset);
  }

  /** Keep the rows of the first filters live that the gateway takes; in the end all rows. */
  async function hold(options: LoadSubsetOptions, [filters = ALL, ...wider]: Filters[]): Promise<void> {
    if (whole?.live.ready || !demands.has(options)) return;
    const subset = open(filters);
    subset.users += 1;
    demands.set(options, subset);
    try {
      await subset.loaded;
    } catch (error) {
      if (whole?.live.ready || !demands.has(options)) return;
      release(options);
      if (filters === ALL || !isRefused(error)) throw error;
      demands.set(options, undefined);
      await hold(options, wider);
    }
  }

  /**
   * The filters of the rows from the cursor up to the row at the limit, and all that have the same value as that. The
   * second filters are without rows that have no value: the gateway refuses the first where none can be without it.
   */
  async function limited(
    { orderBy, limit, offset = 0, cursor }: LoadSubsetOptions,
    where: Filters,
  ): Promise<Filters[]> {
    const [first] = orderBy ?? [];
    const field = first && fieldOf(first.expression);
    const from = cursor ? narrow(cursor.whereFrom) : ALL;
    if (limit === undefined || !field || !from) return [where];
    const { direction, nulls, stringSort } = first.compareOptions;
    const isAscending = direction === "asc";
    const [row] = await source.list({
      filters: all([base, where, from]),
      sort: [{ field, order: direction }],
      offset: limit - 1 + (cursor ? 0 : offset),
      limit: 1,
      fields: [field],
    });
    const value = row && shape.read(row)[field];
    const isOrderedElsewise = typeof value === "string" ? stringSort !== "lexical" : isAscending && nulls === "last";
    if (value === undefined || value === null || isOrderedElsewise) return [where];
    const upTo = narrow({
      type: "func",
      name: isAscending ? "lte" : "gte",
      args: [first.expression, { type: "val", value }],
    } as never);
    const rest = cursor && any([from, narrow(cursor.whereCurrent)]);
    const ends = rest ? [all([rest, upTo])] : [any([upTo, { [field]: null }]), upTo];
    return ends.map((end) => all([where, end]) ?? where);
  }

  return {
    release,
    /** Whether any rows are live. */
    isOpen: () => subsets.size > 0,
    /** Load all rows; the collection is ready when they are there. */
    loadAll(): void {
      whole = open(ALL);
      whole.users = 1;
      whole.loaded.catch(markError);
      whole.live.on("error", (error) => error.retryable || markError(error));
    },
    /** Load the rows that TanStack asks for, and keep them live. */
    load(options: LoadSubsetOptions): true | Promise<void> {
      const where = narrow(options.where);
      if (!where || whole?.live.ready) return true;
      demands.set(options, undefined);
      const attempts = limited(options, where).catch((error) => {
        if (!isRefused(error)) throw error;
        return [];
      });
      return attempts.then((filters) => hold(options, filters));
    },
    close(): void {
      for (const { live } of subsets.values()) live.close();
      subsets.clear();
      demands.clear();
    },
  };
}

const isRefused = (error: TidegateError) => TOO_NARROW.test(error.code);
