// Live queries in components.
//
// Invariant: rows stay on the page until others are there: through a change of the filters, a broken connection, and a
// moment in which no component shows them. They never outlast their user.

import type { Client } from "../client.js";
import type { TidegateError } from "../errors.js";
import { portOf } from "../part.js";
import { picked } from "../rows/key.js";
import type { LiveQuery } from "../rows/live.js";
import { nameOf } from "../rows/query.js";
import { queriesOf, resource } from "../rows/resource.js";
import type { AppContract, FiltersOf, KeyOf, Registered, ResourceName, RowOf } from "../types.js";
import { useAnyClient } from "./context.js";
import { useEffect, useMemo, useRef } from "./react.js";
import { all, heldOf, hold, storeOf, useStore } from "./store.js";

const LINGER_MS = 5000;

type Property<A extends AppContract, N extends ResourceName<A>> = keyof RowOf<A, N> & string;
type SortOf<P extends string> = P | `-${P}` | { field: P; order?: "asc" | "desc" };

export interface LiveQueryOptions<A extends AppContract, N extends ResourceName<A>> {
  filters?: FiltersOf<A, N> | undefined;
  /** The order of the rows: properties, with a "-" before them for descending. */
  sort?: readonly SortOf<Property<A, N>>[] | undefined;
  /** Only the first rows of this order. */
  limit?: number | undefined;
  /** Only these properties. */
  fields?: readonly Property<A, N>[] | undefined;
}

interface Loading {
  /** `behind`: the connection is broken, and the rows may be old. */
  readonly status: "loading" | "live" | "behind" | "error";
  /** Whether the rows are those that the component asks for now. */
  readonly ready: boolean;
  /** What refused or ended the query; a component that is mounted again asks again. */
  readonly error: TidegateError | undefined;
}

export interface LiveRows<R> extends Loading {
  /** Until `ready`, the rows of the filters before. An unchanged row is the same object. */
  readonly rows: readonly R[];
  /** More rows than `limit` match. */
  readonly hasMore: boolean;
}

export interface LiveRow<R> extends Loading {
  /** The row; undefined where there is none, or while it loads. */
  readonly row: R | undefined;
}

type State = LiveRows<never>;
const LOADING: State = { rows: [], status: "loading", ready: false, hasMore: false, error: undefined };

const stateOf = (live: object) => picked(live as never, Object.keys(LOADING)) as object as State;

/** The state of a query, which components share by its name. */
export function liveStore(client: Client, name: string, of: string, options: object | "skip", linger = LINGER_MS) {
  const held = heldOf(client);
  const find = () => (held.get(name)?.made[0] ?? LOADING) as LiveQuery<never>;
  const subscribe = () => {
    const live = resource(client, of).subscribe(options as object) as object as LiveQuery<never>;
    return [live, () => live.close()] as const;
  };
  return storeOf<State>(stateOf(find()), ({ set, fail }) => {
    if (options === "skip") return () => {};
    if (find().error) held.delete(name); // it has ended: ask again
    try {
      const [live, release] = hold(held, name, subscribe, linger);
      const read = () => set(stateOf(live));
      read();
      return all(live.on("change", read), live.on("status", read), live.on("error", fail), release);
    } catch (error) {
      fail(error, { status: "error" });
      return () => {};
    }
  });
}

function useRows(client: Client, of: string, options: object | "skip"): State {
  const name = nameOf([of, options]);
  const store = useMemo(() => liveStore(client, name, of, options), [client, name]);
  return useStore(store, () => LOADING);
}

/** The rows that match, in the order of `sort`, kept up to date. */
export function useLiveQuery<N extends ResourceName<Registered>>(
  of: N,
  options: LiveQueryOptions<Registered, N> | "skip" = {},
): LiveRows<RowOf<Registered, N>> {
  const client = useAnyClient();
  const state = useRows(client, of, options);
  const owner = nameOf([of, client.user?.id, client.user?.roles]);
  const kept = useRef({ owner, rows: state.rows });
  const isLoading = !state.ready && !state.error && options !== "skip" && kept.current.owner === owner;
  const { rows } = isLoading ? kept.current : state;
  useEffect(() => {
    if (state.ready || options === "skip") kept.current = { owner, rows };
  });
  return useMemo(() => ({ ...state, rows }), [state, rows]);
}

/** The row with this key, kept up to date. */
export function useRow<N extends ResourceName<Registered>>(
  of: N,
  key: KeyOf<Registered, N> | null | undefined,
): LiveRow<RowOf<Registered, N>> {
  const client = useAnyClient();
  const [name = ""] = queriesOf(portOf(client)).keyOf(of);
  const filters = typeof key === "object" ? key : { [name]: key };
  const { rows, status, ready, error } = useRows(client, of, (key ?? null) === null ? "skip" : { filters });
  return { row: rows[0], status, ready, error };
}
