// A collection of TanStack DB whose rows are those of a resource, live, and whose changes the gateway writes.
//
// It puts the parts together and types them. `@tanstack/db` itself is a peer: this module imports its types alone.

import type { BaseCollectionConfig, CollectionConfig, SyncConfig } from "@tanstack/db";
import type { Filters, Row } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { Int64 } from "../int64.js";
import { portOf } from "../part.js";
import { resource as resourceOf } from "../rows/resource.js";
import type { AppContract, FiltersOf, KeyOf, ResourceName, RowOf } from "../types.js";
import { type Key, type Parsers, shapeOf } from "./shape.js";
import { openSubsets, type Source } from "./subsets.js";
import { writesTo } from "./writes.js";

/** A row as the collection has it: with the values that `parse` makes, and integers of 64 bits as `bigint`. */
export type ItemOf<R, P> = {
  [K in keyof R]: K extends keyof P ? Parsed<R[K], P[K]> : R[K] extends Int64 | null | undefined ? Integer<R[K]> : R[K];
};

type Parsed<V, F> = F extends (value: never) => infer Value ? Value | Extract<V, null | undefined> : V;
type Integer<V> = bigint | Exclude<V, Int64>;

/** A collection's key: the row's, or the JSON text of the values of a key of several properties. */
export type CollectionKeyOf<K> = [K] extends [string | number] ? K : string;

/** How to read the values of properties; null and missing values stay as they are. */
export type ParseOf<R> = { [K in keyof R]?: (value: NonNullable<R[K]>) => unknown };

export interface TidegateOptions<A extends AppContract, N extends ResourceName<A>, P> {
  /** What `connect` returned. */
  client: Client<A>;
  /** The resource's name. */
  resource: N;
  /** Only the rows that meet these conditions, whatever the queries ask for. */
  filters?: FiltersOf<A, N>;
  /**
   * "eager" loads all rows at the start; "on-demand" loads what the queries ask for; "progressive" does both, and the
   * queries have rows while the rest is under way.
   */
  syncMode?: "eager" | "on-demand" | "progressive";
  /** How to read the values of properties: `{ due_at: (text) => new Date(text) }`. */
  parse?: P;
}

type Config<T extends object, K extends string | number> = CollectionConfig<T, K>;
type Own = "getKey" | "syncMode" | "schema" | "utils";

/** Options of TanStack's `createCollection` for the rows of a resource. */
export function tidegateCollectionOptions<
  A extends AppContract,
  N extends ResourceName<A>,
  P extends ParseOf<RowOf<A, N>> = Record<never, never>,
  T extends object = ItemOf<RowOf<A, N>, P> & object,
  K extends string | number = CollectionKeyOf<KeyOf<A, N>>,
>(options: TidegateOptions<A, N, P> & Omit<BaseCollectionConfig<T, K>, Own>): Config<T, K> {
  const { client, resource, filters = {}, syncMode = "eager", parse = {}, ...others } = options;
  const port = portOf(client);
  const shape = shapeOf(port.options, resource, parse as Parsers);
  const source = resourceOf(client, resource) as unknown as Source;
  let isLive = () => false;
  const writes = writesTo(port, resource, shape, () => isLive());

  const sync: SyncConfig<Row, Key>["sync"] = (sink) => {
    const subsets = openSubsets(source, shape, filters as Filters, sink, writes.heard);
    isLive = subsets.isOpen;
    if (syncMode === "on-demand") sink.markReady();
    else subsets.loadAll();
    return { cleanup: subsets.close, loadSubset: subsets.load, unloadSubset: subsets.release };
  };

  const config: CollectionConfig<Row, Key> = {
    getKey: shape.keyOf,
    sync: { sync, rowUpdateMode: "full" },
    syncMode: syncMode === "eager" ? "eager" : "on-demand",
    // The order of the gateway. The order of a language is not the order in which the gateway sends pages.
    defaultStringCollation: { stringSort: "lexical" },
    onInsert: writes.insert,
    onUpdate: writes.update,
    onDelete: writes.delete,
  };
  return { ...config, ...others } as unknown as Config<T, K>;
}
