// What a live query asks for, and the events that it gets back. Only types, and a name for equal queries.

import type { FeedPosition, Filters, RowKey } from "../../../../generated/typescript/protocol.js";
import type { TidegateError } from "../errors.js";

/** What happened to a live query's copy of the rows. */
export interface Change<R> {
  /** `reset`: the copy was replaced as a whole; read `rows`. */
  action: "create" | "update" | "delete" | "reset";
  /** The row's key, as `get` takes it; absent for `reset`. */
  key?: RowKey | undefined;
  /** The row as it is now; absent for `delete` and `reset`. */
  row?: R | undefined;
  /** The row as this copy had it before, if it had it. */
  old?: R | undefined;
  /** What happened to the row in the database, where the gateway says so: a row that left the filter was updated. */
  cause?: "create" | "update" | "delete" | undefined;
  /** The idempotency key of the mutation, if this user made it. */
  origin?: string | undefined;
}

/** Where a worker goes on: `live.since` of an earlier live query with the same filters and fields. */
export interface Since {
  readonly position: FeedPosition;
  /** Which rows the user could see. */
  readonly scope?: string | undefined;
}

/**
 * `loading`: the rows are not there yet. `live`: they are, and follow every change. `behind`: the connection is broken, or
 * all rows are under way again, so that these may be old. `error`: the query has ended.
 */
export type LiveStatus = "loading" | "live" | "behind" | "error";

export interface SubscriptionEvents<R> {
  /** The rows or the status may have changed; one event a turn. */
  touched: undefined;
  /** Each change, in order. */
  update: Change<R>;
  /** Refused, after which the client asks again if it is `retryable`, or ended; `quiet`: the program closed the client. */
  failed: { error: TidegateError; quiet?: boolean };
}

/** What a subscription is about; equal queries of one client share one subscription. */
export interface Query {
  resource: string;
  filters?: Filters | undefined;
  fields?: readonly string[] | undefined;
  /** The key's properties, where neither `id` nor the option `keys` names them. */
  key?: string | readonly string[] | undefined;
  /** Begin with the changes after this position, without the rows. */
  since?: Since | undefined;
  /** Begin with the changes from now on, without the rows. */
  changesOnly?: true;
}

/** A name for a query: equal for equal queries, whatever the order of their properties. */
export function queryKey({ resource, filters = {}, fields, key, since, changesOnly }: Query): string {
  return nameOf([resource, filters, fields && [...fields].sort(), key, since ?? changesOnly]);
}

/** A name for a value of JSON: equal for equal values, whatever the order of their properties. */
export function nameOf(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) =>
      part && typeof part === "object" && !Array.isArray(part)
        ? Object.entries(part)
            .filter(([, each]) => each !== undefined)
            .sort()
        : part,
    );
  } catch {
    return ""; // what JSON does not have is refused when it is sent
  }
}
