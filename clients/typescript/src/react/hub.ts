// What a component with `useWebSocket` wants of a gateway: the connection, queries, rooms. Each is a store of its own, which
// is made again for each client that the component has.
//
// Invariants: what the component wants survives StrictMode's unmounting, another url and another user; the state is another
// object only when something in it changed; an error is that of a call of this component, or of the connection.

import type { Filters, Member, Principal } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { RequestRefused, type TidegateError } from "../errors.js";
import type { Status } from "../link.js";
import type { JoinOptions, Message } from "../membership.js";
import type { Options } from "../options.js";
import { READS, WRITES } from "../outstanding.js";
import { nameOf } from "../rows/query.js";
import type { WireMessage } from "../wire.js";
import { CONNECTING, type ConnectionState, connectionStore } from "./connection.js";
import { loginStore } from "./login.js";
import { type Store, storeOf } from "./store.js";
import { added, type RoomState, roomStore } from "./use_room.js";
import { type LiveRows, liveStore } from "./use_rows.js";

const MESSAGES_KEPT = 200;

type Row = Record<string, unknown>;

export interface State {
  /** The rows of all subscriptions, in the order in which they were made. Always an array. */
  readonly data: readonly Row[];
  /** Whether the rows of all subscriptions are there. */
  readonly ready: boolean;
  readonly status: Status;
  readonly user: Principal | undefined;
  /** What a call of this component met, until that call succeeds; or what ended the connection. */
  readonly error: TidegateError | undefined;
  /** The last 200 messages of the rooms that were joined; more, where more came since the component rendered. */
  readonly messages: readonly Message<unknown>[];
  /** The members, by room. */
  readonly presence: Presence;
  /** The room that lost messages last: after a reconnect the gateway no longer had them. */
  readonly gap: string | undefined;
  /** The client behind the hook, once the component is mounted. */
  readonly client: Client | undefined;
}

type Presence = Readonly<Record<string, readonly Member[]>>;

const NOTHING: State = {
  ...CONNECTING,
  data: [],
  ready: false,
  messages: [],
  presence: Object.create(null) as Presence,
  gap: undefined,
  client: undefined,
};

/** What the component wants, with its state while the component has a client. */
interface Wanted {
  room?: string;
  /** What the component says of its user in this room. */
  about?: JoinOptions;
  make: (client: Client) => Store<object>;
  store?: Store<object> | undefined;
  end?: (() => void) | undefined;
}

/** The state of any of them. */
type Part = Partial<
  Pick<ConnectionState, "error"> & Pick<LiveRows<never>, "rows" | "ready"> & Pick<RoomState<never>, "members" | "gap">
> & {
  room?: string | undefined;
};

export function createHub() {
  const login = loginStore();
  const store = storeOf(NOTHING, () => login.watch(loginChanged));
  const connection: Wanted = { make: connectionStore };
  const wanted = new Map([["connection", connection]]);
  let client: Client | undefined;
  /** What a call met. */
  let met: TidegateError | undefined;
  const unsent: WireMessage[] = [];
  /** The state that the component rendered last. */
  let seen = NOTHING;

  const start = (each: Wanted) => {
    if (!client) return;
    each.store = each.make(client);
    each.end = each.store.watch(refresh);
  };
  const stop = (each: Wanted | undefined) => {
    each?.end?.();
    if (each) each.end = each.store = undefined;
  };
  /** Want something, or want it again: with other options, or after a refusal. */
  const want = (name: string, each: Wanted) => {
    stop(wanted.get(name));
    wanted.set(name, each);
    start(each);
    refresh();
  };
  const drop = (name: string) => {
    stop(wanted.get(name));
    wanted.delete(name);
    refresh();
  };

  const loginChanged = () => {
    const now = login.get();
    if (now.client !== client) {
      client = now.client;
      met = undefined;
      store.set({ messages: [] });
      wanted.forEach(stop);
      wanted.forEach(start);
    }
    if (!now.asking) for (const message of unsent.splice(0)) calls.send(message);
    refresh();
  };

  const refresh = () => {
    const parts: Part[] = [...wanted.values()].map(({ room, store }) => ({ room, ...store?.get() }));
    const queries = parts.filter(({ rows }) => rows);
    // Without a prototype, so that no room called `constructor` seems to be there.
    const presence = Object.create(null);
    for (const { room = "", members } of parts) if (members?.length) presence[room] = members;
    store.set({
      ...CONNECTING,
      ...connection.store?.get(),
      client,
      data: queries.flatMap(({ rows = [] }) => rows),
      ready: queries.length > 0 && queries.every(({ ready }) => ready),
      presence,
      gap: parts.find(({ gap }) => gap)?.room,
      error: met ?? [login.get(), ...parts].find(({ error }) => error)?.error,
    });
  };

  /** A call of this component met an error, or none. */
  const meet = (error?: TidegateError) => {
    met = error;
    refresh();
  };
  const call = (called: Promise<unknown>) => called.then(() => meet(), meet);
  /** What the gateway refuses without saying which message it is: it may be one of this component. */
  const refusals: Wanted = {
    make: (client) => storeOf({}, () => client.on("error", (error) => meet(new RequestRefused(error)))),
  };

  /** Add a message. One that the component has not rendered yet stays, however many there are. */
  const heard = (message: Message<unknown>) => {
    store.set({ messages: added(store.get().messages, message, seen.messages, MESSAGES_KEPT) });
  };

  const calls = {
    subscribe(of: string, filters: Filters = {}) {
      const name = nameOf([of, { filters }]);
      want(name, { make: (client) => liveStore(client, name, of, { filters }, 0) });
      return () => drop(name);
    },
    unsubscribe(of: string, filters: Filters = {}) {
      drop(nameOf([of, { filters }]));
    },
    join(room: string, options: JoinOptions = {}) {
      const name = `room ${room}`;
      const about = { ...wanted.get(name)?.about, ...options };
      const latest = { current: { options: { ...about, history: 0, onMessage: heard } } };
      want(name, { room, about, make: (client) => roomStore(client, room, latest) });
      return () => calls.leave(room);
    },
    leave(room: string) {
      drop(`room ${room}`);
      store.set({ messages: store.get().messages.filter((message) => message.room !== room) });
    },
    /** Send a message of the protocol. What the client keeps across reconnects goes through its own functions. */
    send(message: WireMessage) {
      const { type } = message;
      const room = message.room as string;
      if (type === "join" || (type === "presence" && wanted.has(`room ${room}`)))
        calls.join(room, message as JoinOptions);
      else if (type === "leave") calls.leave(room);
      else if (!client || login.get().asking) unsent.push(message);
      else if (type === "authenticate") login.become(message.token as string);
      else if (READS.has(type) || WRITES.has(type)) call(client.request(message as never));
      else {
        want("refusals", refusals);
        call((async () => client?.send(message as never))());
      }
    },
  };

  /** The component has rendered `state`, with these options. */
  const rendered = (state: State, url: string, options: Options) => {
    login.rendered(state !== seen, url, options);
    seen = state;
  };
  return { ...store, rendered, calls };
}
