// A collection of TanStack DB whose rows are those of a resource, live, and whose changes the gateway writes.
//
// It puts the parts together and types them. `@tanstack/db` itself is a peer: this module imports its types alone.

import type { BaseCollectionConfig, CollectionConfig } from "@tanstack/db";
import type { Filters, Row } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { Int64 } from "../int64.js";
import { portOf } from "../part.js";
import { resource as resourceOf } from "../rows/resource.js";
import type { AppContract, FiltersOf, KeyOf, ResourceName, RowOf } from "../types.js";
import { type Key, shapeOf } from "./shape.js";
import { type Demands, load, type Returning, type Source, type SyncMode } from "./subsets.js";
import { handlersOf } from "./writes.js";

export type { SyncMode } from "./subsets.js";

/** A row as the collection has it: integers of 64 bits are `bigint`, so that they have an order. */
export type ItemOf<R> = {
  [K in keyof R]: R[K] extends Int64 | null | undefined ? bigint | Exclude<R[K], Int64> : R[K];
};

/** A collection's key: the row's, or the JSON text of the values of a key of several properties. */
export type CollectionKeyOf<K> = [K] extends [string | number] ? K : string;

export interface TidegateOptions<A extends AppContract, N extends ResourceName<A>> {
  /** What `connect` returned. */
  client: Client<A>;
  /** The resource's name. */
  resource: N;
  /** Only the rows that meet these conditions, whatever the queries ask for. */
  filters?: FiltersOf<A, N>;
  syncMode?: SyncMode;
}

type Own = "getKey" | "syncMode" | "schema" | "utils";

/** Options of TanStack's `createCollection` for the rows of a resource. */
export function tidegateCollectionOptions<
  A extends AppContract,
  N extends ResourceName<A>,
  T extends object = ItemOf<RowOf<A, N>> & object,
  K extends string | number = CollectionKeyOf<KeyOf<A, N>>,
>(options: TidegateOptions<A, N> & Omit<BaseCollectionConfig<T, K>, Own>): CollectionConfig<T, K> {
  const { client, resource, filters = {}, syncMode = "eager", ...others } = options;
  const port = portOf(client);
  const shape = shapeOf(port.options, resource);
  const source = resourceOf(client, resource) as unknown as Source;
  const demands: Demands = new Map();
  const returning: Returning = new Map();
  const config: CollectionConfig<Row, Key> = {
    getKey: shape.keyOf,
    sync: {
      sync: (sink) => load(source, shape, filters as Filters, syncMode, demands, returning, sink),
      rowUpdateMode: "full",
    },
    syncMode: syncMode === "eager" ? "eager" : "on-demand",
    // The order of the gateway. The order of a language is not the order in which the gateway sends pages.
    defaultStringCollation: { stringSort: "lexical" },
    ...handlersOf(port, resource, shape, demands, returning),
    ...(others as object),
  };
  return config as unknown as CollectionConfig<T, K>;
}
