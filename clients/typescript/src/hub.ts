// What a component wants of a gateway, apart from whether it is mounted: its subscriptions, its rooms, what it sent.
//
// Invariant: what is wanted survives StrictMode's unmounting and a change of url; the state's object changes only when
// something in it did.

import type {
  ClientMessages,
  Filters,
  Member,
  Principal,
  RoomMessage,
} from "../../../generated/typescript/protocol.js";
import { RequestRefused, type TidegateError } from "./errors.js";
import type { Status } from "./link.js";
import { type Query, queryKey } from "./live.js";
import type { Options } from "./options.js";
import type { LiveQuery } from "./resource.js";
import type { JoinOptions } from "./room.js";
import { type Shared, share } from "./shared.js";

const MESSAGES_KEPT = 200;

type Row = Record<string, unknown>;

export interface State {
  /** The rows of all subscriptions, in the order in which they were made. Always an array. */
  readonly data: readonly Row[];
  readonly status: Status;
  readonly user: Principal | undefined;
  /** What was last refused, until something else is. */
  readonly error: TidegateError | undefined;
  /** What was said lately in the rooms that were joined. */
  readonly messages: readonly RoomMessage[];
  /** Who is present, by room. */
  readonly presence: Readonly<Record<string, readonly Member[]>>;
}

const NOTHING: State = {
  data: [],
  status: "connecting",
  user: undefined,
  error: undefined,
  messages: [],
  presence: {},
};

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

  /** The component is mounted: take part in the gateway's client and ask for everything that is wanted. */
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
    for (const message of this.#unsent.splice(0)) client.send(message);
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
    else if (this.#shared) this.#shared.client.send(message);
    else this.#unsent.push(message);
  };

  readonly join = (room: string, { status, info }: JoinOptions = {}): void => {
    this.#rooms.set(room, { ...(status && { status }), ...(info && { info }) });
    this.#enter(room);
  };

  readonly leave = (room: string): void => {
    this.#rooms.delete(room);
    this.#entered.get(room)?.();
    this.#entered.delete(room);
    const { [room]: _, ...presence } = this.#state.presence;
    this.#set({ presence });
  };

  #subscribe(key: string): void {
    const query = this.#queries.get(key);
    if (!this.#shared || !query || this.#open.has(key)) return;
    const live = this.#shared.client.resource(query.resource).subscribe({ filters: query.filters as Row });
    this.#open.set(key, live);
    live.on("change", () => {
      this.#refresh();
      // What was refused for a while and is there now is no error any more.
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
      room.on("presence", (members) => this.#set({ presence: { ...this.#state.presence, [name]: members } })),
      room.on("error", (error) => this.#set({ error })),
      this.#shared.enter(name),
    ];
    this.#entered.set(name, () => {
      for (const end of ends) end();
    });
    room.join(this.#rooms.get(name)).catch(() => {}); // told as `error`
    if (room.members.length > 0) this.#set({ presence: { ...this.#state.presence, [name]: room.members } });
  }

  #refresh(): void {
    this.#set({ data: [...this.#open.values()].flatMap((live) => [...live.rows]) });
  }

  #set(part: Partial<State>): void {
    this.#state = { ...this.#state, ...part };
    for (const watcher of [...this.#watchers]) watcher();
  }
}
