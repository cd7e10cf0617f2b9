// Puts changes into the cache of refine's queries, where a change tells the whole of what a query shows after it.
//
// It knows refine's query keys: ["data", provider, resource, "list" | "infinite" | "one" | "many", ids, parameters].
// Invariant: all queries of the resource get what a new read would bring, or none does, and refine reads again.

import type { BaseRecord, CrudFilter, CrudSort } from "@refinedev/core";
import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { Row, RowKey } from "../../../../generated/typescript/protocol.js";
import { isEqual } from "../rows/equal.js";
import type { Change } from "../rows/query.js";
import { propertiesOf } from "./conditions.js";
import type { Patch } from "./news.js";
import type { Table } from "./table.js";

/** The last item of a query key. */
interface Asked {
  filters?: CrudFilter[];
  sorters?: CrudSort[];
  fields?: unknown;
}

/** What a query shows: one row, or rows. */
interface Shown {
  data?: BaseRecord | BaseRecord[];
}

/** For `liveProvider`: changes go into the cache of `queryClient`, the one that `<Refine>` uses. */
export function patchQueries(queryClient: QueryClient): Patch {
  return (change, table) => {
    const queries = queryClient.getQueriesData<Shown>({ predicate: ({ queryKey }) => queryKey[2] === table.resource });
    const shown = queries.map(([queryKey, data]) => after(queryKey, data, change, table));
    // None: refine may know the resource by another name.
    if (!shown[0] || shown.includes(undefined)) return false;
    for (const [at, [queryKey]] of queries.entries()) queryClient.setQueryData(queryKey, shown[at]);
    return true;
  };
}

/** What the query shows after the change; undefined where only a new read can tell. */
function after(queryKey: QueryKey, shown: Shown | undefined, change: Change<Row>, table: Table): Shown | undefined {
  const [, , , kind, ids] = queryKey;
  const { filters = [], sorters = [], fields } = queryKey.at(-1) as Asked;
  const data = shown?.data;
  const id = table.id(change.key as RowKey);
  const row = change.row && table.named(change.row);
  if (!data || fields) return undefined;
  if (!Array.isArray(data)) return ids === String(id) ? row && { data: row } : shown;
  const before = data.find((each) => each.id === id);
  const deciding = [...propertiesOf(filters), ...sorters.map(({ field }) => field)];
  if (before && row && deciding.every((name) => isEqual(before[name], row[name]))) {
    return { ...shown, data: data.map((each) => (each === before ? row : each)) };
  }
  // A row that this query does not show stays where it is, if nothing that changed decides about its place.
  const stays = kind === "many" ? !(ids as string[]).includes(String(id)) : change.action === "update" && !deciding[0];
  return stays && !before ? shown : undefined;
}
