// What a component wants of a gateway, apart from whether it is mounted: its subscriptions, its rooms, its messages.
//
// Invariant: what the component wants survives StrictMode's unmounting and a change of url; the state is another object
// only when something in it changed.

import type {
  ClientMessages,
  Filters,
  Member,
  Principal,
  RoomMessage,
} from "../../../../generated/typescript/protocol.js";
import { RequestRefused, TidegateError } from "../errors.js";
import type { Status } from "../link.js";
import type { JoinOptions } from "../membership.js";
import type { Options } from "../options.js";
import type { LiveQuery } from "../rows/live.js";
import { type Query, queryKey } from "../rows/query.js";
import { resource } from "../rows/resource.js";
import { type Shared, share } from "./shared.js";

const MESSAGES_KEPT = 200;

type Row = Record<string, unknown>;

export interface State {
  /** The rows of all subscriptions, in the order in which they were made. Always an array. */
  readonly data: readonly Row[];
  readonly status: Status;
  readonly user: Principal | undefined;
  /** The last refusal, until another comes or the refused rows are there after all. */
  readonly error: TidegateError | undefined;
  /** The last messages of the rooms that were joined. */
  readonly messages: readonly RoomMessage[];
  /** The members, by room. */
  readonly presence: Presence;
}

type Presence = Readonly<Record<string, readonly Member[]>>;

const NOTHING: State = {
  data: [],
  status: "connecting",
  user: undefined,
  error: undefined,
  messages: [],
  presence: Object.create(null) as Presence,
};

/** A copy of `presence` with these rooms. It has no prototype, so that no room called `constructor` seems to be there. */
function withRooms(presence: Presence, rooms: Presence = {}): Record<string, readonly Member[]> {
  return Object.assign(Object.create(null), presence, rooms);
}

export class Hub {
  #state = NOTHING;
  readonly #watchers = new Set<() => void>();
  readonly #queries = new Map<string, Query>();
  readonly #rooms = new Map<string, JoinOptions>();
  readonly #unsent: ClientMessages[keyof ClientMessages][] = [];
  readonly #open = new Map<string, LiveQuery<Row>>();
  readonly #entered = new Map<string, () => void>();
  #shared: Shared | undefined;

  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  readonly state = (): State => this.#state;

  /** The component is mounted: share the gateway's client and ask for everything that the component wants. */
  attach(url: string, options: Options): () => void {
    const shared = share(url, options);
    const { client } = shared;
    this.#shared = shared;
    this.#set({ ...NOTHING, status: client.status, user: client.user });
    const ends = [
      client.on("status", ({ status, error }) =>
        this.#set(error ? { status, user: client.user, error } : { status, user: client.user }),
      ),
      client.on("error", (message) => this.#set({ error: new RequestRefused(message) })),
    ];
    for (const key of this.#queries.keys()) this.#subscribe(key);
    for (const room of this.#rooms.keys()) this.#enter(room);
    for (const message of this.#unsent.splice(0)) this.send(message);
    return () => {
      for (const query of this.#open.values()) query.close();
      this.#open.clear();
      for (const exit of this.#entered.values()) exit();
      this.#entered.clear();
      for (const end of ends) end();
      this.#shared = undefined;
      shared.release();
    };
  }

  readonly subscribe = (resource: string, filters: Filters = {}): (() => void) => {
    const query: Query = { resource, filters };
    const key = queryKey(query);
    this.#queries.set(key, query);
    this.#subscribe(key);
    return () => this.unsubscribe(resource, filters);
  };

  readonly unsubscribe = (resource: string, filters: Filters = {}): void => {
    const key = queryKey({ resource, filters });
    this.#queries.delete(key);
    this.#open.get(key)?.close();
    this.#open.delete(key);
    this.#refresh();
  };

  /** Send a protocol message. Joining and leaving are remembered, so that a reconnect joins again. */
  readonly send = (message: ClientMessages[keyof ClientMessages]): void => {
    if (message.type === "join") this.join(message.room, message);
    else if (message.type === "leave") this.leave(message.room);
    else if (!this.#shared) this.#unsent.push(message);
    else {
      try {
        this.#shared.client.send(message);
      } catch (error) {
        if (!(error instanceof TidegateError)) throw error;
        this.#set({ error });
      }
    }
  };

  readonly join = (room: string, { status, info }: JoinOptions = {}): void => {
    this.#rooms.set(room, { ...(status && { status }), ...(info && { info }) });
    this.#enter(room);
  };

  readonly leave = (room: string): void => {
    this.#rooms.delete(room);
    this.#entered.get(room)?.();
    this.#entered.delete(room);
    const presence = withRooms(this.#state.presence);
    delete presence[room];
    this.#set({ presence });
  };

  #subscribe(key: string): void {
    const query = this.#queries.get(key);
    // A client that has ended has told its error already.
    if (!this.#shared || !query || this.#open.has(key) || this.#shared.client.status === "closed") return;
    const live = resource(this.#shared.client, query.resource).subscribe({ filters: query.filters as Row });
    this.#open.set(key, live);
    live.on("change", () => {
      this.#refresh();
      // The rows that the gateway refused for a while are there now.
      if (live.ready && this.#state.error?.retryable) this.#set({ error: undefined });
    });
    live.on("error", (error) => this.#set({ error }));
    if (live.ready) this.#refresh();
  }

  #enter(name: string): void {
    if (!this.#shared || this.#entered.has(name)) return;
    const room = this.#shared.client.room(name);
    const ends = [
      room.on("message", (message) =>
        this.#set({ messages: [...this.#state.messages, message as RoomMessage].slice(-MESSAGES_KEPT) }),
      ),
      room.on("presence", (members) => this.#set({ presence: withRooms(this.#state.presence, { [name]: members }) })),
      room.on("error", (error) => this.#set({ error })),
      this.#shared.enter(name),
    ];
    this.#entered.set(name, () => {
      for (const end of ends) end();
    });
    room.join(this.#rooms.get(name)).catch(() => {}); // the listener to `error` above has it
    if (room.members.length > 0) this.#set({ presence: withRooms(this.#state.presence, { [name]: room.members }) });
  }

  #refresh(): void {
    this.#set({ data: [...this.#open.values()].flatMap((live) => [...live.rows]) });
  }

  #set(part: Partial<State>): void {
    this.#state = { ...this.#state, ...part };
    for (const watcher of [...this.#watchers]) watcher();
  }
}
