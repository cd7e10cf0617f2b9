// The React hook `useWebSocket`. It works under StrictMode and shares one connection between components.
//
// Invariant: what a component subscribed to or joined ends when it is unmounted.

import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { ClientMessages } from "../../../../generated/typescript/protocol.js";
import type { JoinOptions } from "../membership.js";
import type { Options } from "../options.js";
import type { AnyApp, AppContract, FiltersOf, ResourceName, RowOf } from "../types.js";
import { Hub, type State } from "./hub.js";

export type { State } from "./hub.js";

/** `R`: the resources that the component subscribes to. */
export interface UseWebSocket<A extends AppContract, R extends ResourceName<A> = ResourceName<A>>
  extends Omit<State, "data"> {
  /** The rows of this component's subscriptions, live. Always an array. */
  readonly data: readonly RowOf<A, R>[];
  /** Keep rows up to date; returns the function that ends it. Equal calls are one subscription. */
  readonly subscribe: <N extends R>(resource: N, filters?: FiltersOf<A, N>) => () => void;
  readonly unsubscribe: <N extends R>(resource: N, filters?: FiltersOf<A, N>) => void;
  /** Send a message of the protocol; it waits for the connection. */
  readonly send: (message: ClientMessages[keyof ClientMessages]) => void;
  readonly join: (room: string, options?: JoinOptions) => void;
  readonly leave: (room: string) => void;
}

/** Connect to the gateway at `url` for as long as the component is mounted. */
export function useWebSocket<A extends AppContract = AnyApp, R extends ResourceName<A> = ResourceName<A>>(
  url: string,
  options: Options = {},
): UseWebSocket<A, R> {
  const [hub] = useState(() => new Hub());
  const token = typeof options.token === "string" ? options.token : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new options object at each render is not a new connection
  useEffect(() => hub.attach(url, options), [hub, url, token]);
  const state = useSyncExternalStore(hub.watch, hub.state, hub.state);
  return useMemo(
    () => ({
      ...state,
      data: state.data as unknown as UseWebSocket<A, R>["data"],
      subscribe: hub.subscribe as UseWebSocket<A, R>["subscribe"],
      unsubscribe: hub.unsubscribe as UseWebSocket<A, R>["unsubscribe"],
      send: hub.send,
      join: hub.join,
      leave: hub.leave,
    }),
    [hub, state],
  );
}
