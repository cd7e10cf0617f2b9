// The React hook `useWebSocket`: one hook for rows, rooms and messages. It needs no provider.
//
// Invariant: what a component subscribed to or joined ends when it is unmounted.

import type { ClientMessages } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { JoinOptions, Message } from "../membership.js";
import type { Options } from "../options.js";
import type {
  AnyApp,
  AppContract,
  CreateOf,
  DataOf,
  FiltersOf,
  KeyOf,
  RequestsOf,
  ResourceName,
  RowOf,
  UpdateOf,
} from "../types.js";
import { Hub, type State } from "./hub.js";
import { useEffect, useMemo, useState } from "./react.js";
import { useStore } from "./store.js";

/** A message about rows of the resource `N`, or one in the room `Room`, or any other, as the contract types it. */
export type SentMessage<A extends AppContract, N extends ResourceName<A>, Room extends string> =
  | (Omit<ClientMessages["message"], "room" | "data"> & { room: Room; data: DataOf<A, Room> })
  | (Omit<ClientMessages["create"], "resource" | "data"> & { resource: N; data: CreateOf<A, N> | CreateOf<A, N>[] })
  | (Omit<ClientMessages["update"], "resource" | "data" | "id" | "ids"> & {
      resource: N;
      data: UpdateOf<A, N>;
      id?: KeyOf<A, N>;
      ids?: KeyOf<A, N>[];
    })
  | (Omit<ClientMessages["delete" | "get"], "resource" | "id" | "ids"> & {
      resource: N;
      id?: KeyOf<A, N>;
      ids?: KeyOf<A, N>[];
    })
  | (Omit<ClientMessages["list" | "subscribe"], "resource" | "filters"> & { resource: N; filters?: FiltersOf<A, N> })
  | RequestsOf<A>[Exclude<
      keyof RequestsOf<A>,
      "message" | "create" | "update" | "delete" | "get" | "list" | "subscribe"
    >];

/** `R`: the resources that the component subscribes to; `Name`: the rooms that it joins. */
export interface UseWebSocket<
  A extends AppContract,
  R extends ResourceName<A> = ResourceName<A>,
  Name extends string = string,
> extends Omit<State, "data" | "messages" | "client"> {
  /** The client behind the hook, once the component is mounted: for all that the hook does not have. */
  readonly client: Client<A> | undefined;
  /** The rows of this component's subscriptions, live. Always an array. */
  readonly data: readonly RowOf<A, R>[];
  readonly messages: readonly Message<DataOf<A, Name>>[];
  /** Keep rows up to date; returns the function that ends it. Equal calls are one subscription. */
  readonly subscribe: <N extends R>(resource: N, filters?: FiltersOf<A, N>) => () => void;
  readonly unsubscribe: <N extends R>(resource: N, filters?: FiltersOf<A, N>) => void;
  /** Send a message of the protocol or of the application; it waits for the connection. */
  readonly send: <N extends ResourceName<A>, Room extends string>(message: SentMessage<A, N, Room>) => void;
  /** Be in a room; returns the function that leaves it. */
  readonly join: (room: Name, options?: JoinOptions) => () => void;
  readonly leave: (room: Name) => void;
}

/** Connect to the gateway at `url` for as long as the component is mounted. */
export function useWebSocket<
  A extends AppContract = AnyApp,
  R extends ResourceName<A> = ResourceName<A>,
  Name extends string = string,
>(url: string, options: Options = {}): UseWebSocket<A, R, Name> {
  const [hub] = useState(() => new Hub());
  const state = useStore(hub.store);
  useEffect(() => hub.rendered(state, url, options));
  return useMemo(() => ({ ...state, ...hub.calls }), [state, hub]) as unknown as UseWebSocket<A, R, Name>;
}
