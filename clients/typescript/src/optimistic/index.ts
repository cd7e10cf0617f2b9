// Optimistic writes: what a program creates, updates and deletes is in its live queries at once.

import type { Client } from "../client.js";
import { portOf } from "../part.js";
import { queriesOf } from "../rows/resource.js";
import type { AppContract, ResourceName, RowOf } from "../types.js";
import { Writes } from "./writes.js";

/**
 * From now on the live queries of `client` show its creates, updates and deletes at once. A write that the gateway
 * refuses disappears again, and its promise rejects. Returns `client`.
 */
export function optimistic<A extends AppContract>(client: Client<A>): Client<A> {
  const port = portOf(client);
  port.writes ??= new Writes(queriesOf(port), port.options);
  return client;
}

/** A text for the `key` of a list in React: it stays the same when the gateway gives a new row its key. */
export function stableKey<A extends AppContract, N extends ResourceName<A>>(
  client: Client<A>,
  resource: N,
  row: RowOf<A, N>,
): string {
  return portOf(optimistic(client)).writes?.nameOf(resource, row as never) as string;
}
