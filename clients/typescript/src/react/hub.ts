// What a component with `useWebSocket` wants of a gateway: the connection, queries, rooms. Each is a store, which
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
import { CONNECTING, connectionStore } from "./connection.js";
import { Login } from "./login.js";
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
type Part = Partial<Omit<LiveRows<never> & RoomState<never>, "status">> & {
  room?: string | undefined;
  status?: Status;
  user?: Principal;
};

export class Hub {
  readonly store = storeOf(NOTHING, () => () => this.#login.end());
  readonly #login = new Login(() => this.#loginChanged());
  /** The connection is the first. */
  readonly #wanted = new Map<string, Wanted>([["connection", { make: connectionStore }]]);
  #client: Client | undefined;
  /** What a call met. */
  #met: TidegateError | undefined;
  #unsent: WireMessage[] = [];
  /** The state that the component rendered last. */
  #seen = NOTHING;

  /** The component has rendered `state`, with these options. */
  rendered(state: State, url: string, options: Options): void {
    this.#login.rendered(state !== this.#seen, url, options);
    this.#seen = state;
  }

  // -- what the component calls ---------------------------------------------------------------------------------------

  readonly calls = {
    subscribe: (of: string, filters: Filters = {}): (() => void) => {
      const name = nameOf([of, { filters }]);
      this.#want(name, { make: (client) => liveStore(client, name, of, { filters }, 0) });
      return () => this.#want(name);
    },

    unsubscribe: (of: string, filters: Filters = {}): void => {
      this.#want(nameOf([of, { filters }]));
    },

    join: (room: string, options: JoinOptions = {}): (() => void) => {
      const name = `room ${room}`;
      const about = { ...this.#wanted.get(name)?.about, ...options };
      const onMessage = (message: Message<never>) => this.#heard(message);
      const latest = { current: { options: { ...about, history: 0, onMessage } } };
      this.#want(name, { room, about, make: (client) => roomStore(client, room, latest) });
      return () => this.calls.leave(room);
    },

    leave: (room: string): void => {
      this.#want(`room ${room}`);
      this.store.set({ messages: this.store.get().messages.filter((message) => message.room !== room) });
    },

    /** Send a message of the protocol. What the client keeps across reconnects goes through its own functions. */
    send: (message: WireMessage): void => {
      const client = this.#client;
      const { type } = message;
      const room = message.room as string;
      if (type === "join" || (type === "presence" && this.#wanted.has(`room ${room}`)))
        this.calls.join(room, message as JoinOptions);
      else if (type === "leave") this.calls.leave(room);
      else if (!client || this.#login.asking) this.#unsent.push(message);
      else if (type === "authenticate") this.#login.become(message.token as string);
      else if (READS.has(type) || WRITES.has(type)) this.#call(client.request(message as never));
      else {
        // What the gateway refuses without saying which message it is may be this one.
        const hear = (client: Client) => client.on("error", (error) => this.#meet(new RequestRefused(error)));
        this.#want("refusals", { make: (client) => storeOf({}, () => hear(client)) });
        this.#call((async () => client.send(message as never))());
      }
    },
  };

  #call(called: Promise<unknown>): void {
    called.then(
      () => this.#meet(),
      (error) => this.#meet(error),
    );
  }

  /** A call of this component met an error, or none. */
  #meet(error?: TidegateError): void {
    this.#met = error;
    this.#refresh();
  }

  /** Add a message. One that the component has not rendered yet stays, however many there are. */
  #heard(message: Message<unknown>): void {
    const { messages } = this.store.get();
    this.store.set({ messages: added(messages, message, this.#seen.messages, MESSAGES_KEPT) });
  }

  // -- what it wants --------------------------------------------------------------------------------------------------

  /** Want something, or want it again: with other options, or after a refusal. Without `wanted`, want it no more. */
  #want(name: string, wanted?: Wanted): void {
    this.#wanted.get(name)?.end?.();
    if (wanted) {
      this.#wanted.set(name, wanted);
      this.#start(wanted);
    } else this.#wanted.delete(name);
    this.#refresh();
  }

  #start(wanted: Wanted): void {
    wanted.end?.();
    wanted.store = this.#client && wanted.make(this.#client);
    wanted.end = wanted.store?.watch(() => this.#refresh());
  }

  #loginChanged(): void {
    const { client, asking } = this.#login;
    if (client !== this.#client) {
      this.#client = client;
      this.#met = undefined;
      this.store.set({ messages: [] });
      for (const wanted of this.#wanted.values()) this.#start(wanted);
    }
    if (!asking) for (const message of this.#unsent.splice(0)) this.calls.send(message);
    this.#refresh();
  }

  #refresh(): void {
    const parts: Part[] = [...this.#wanted.values()].map(({ room, store }) => ({ room, ...store?.get() }));
    const queries = parts.filter(({ rows }) => rows);
    // Without a prototype, so that no room called `constructor` seems to be there.
    const presence = Object.create(null);
    for (const { room = "", members } of parts) if (members?.length) presence[room] = members;
    const { status, user } = { ...CONNECTING, ...parts[0] };
    this.store.set({
      status,
      user,
      client: this.#client,
      data: queries.flatMap(({ rows = [] }) => rows),
      ready: queries.length > 0 && queries.every(({ ready }) => ready),
      presence,
      gap: parts.find(({ gap }) => gap)?.room,
      error: this.#met ?? [this.#login, ...parts].find(({ error }) => error)?.error,
    });
  }
}
