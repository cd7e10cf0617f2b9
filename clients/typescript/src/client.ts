// The client: one link, the rooms it is in, the queries it keeps, and who hears which push.

import type {
  ClientMessages,
  FeedPosition,
  PresenceDiff,
  PresenceList,
  Principal,
  Replies,
  RoomMessage,
  ServerMessages,
  Snapshot,
  Update,
  Welcome,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import type { TidegateError } from "./errors.js";
import { Link, type Message, type Status } from "./link.js";
import { Live, type Query, queryKey } from "./live.js";
import type { Options } from "./options.js";
import { type Asking, Resource } from "./resource.js";
import { Room } from "./room.js";
import type { AnyApp, AppContract, DataOf, ResourceName } from "./types.js";

const REPEATABLE = new Set(["list", "get", "history", "presence", "ping"]);

type Pushes = { [T in keyof ServerMessages]: ServerMessages[T] };
type Events = Pushes & { status: { status: Status; error?: TidegateError } };

/** Connect to a gateway. The client connects, reconnects and resumes by itself until `close`. */
export function connect<A extends AppContract = AnyApp>(url: string, options: Options = {}): Client<A> {
  return new Client<A>(url, options);
}

export class Client<A extends AppContract = AnyApp> {
  readonly #link: Link;
  readonly #events = new Emitter<Events>();
  readonly #rooms = new Map<string, Room<never>>();
  readonly #queries = new Map<string, { live: Live<never>; uses: number }>();
  readonly #bySubscription = new Map<string, Set<Live<never>>>();
  readonly #asking: Asking;
  #user: Principal | undefined;

  constructor(url: string, options: Options) {
    this.#asking = {
      ask: (message) => this.#ask(message),
      watch: (query) => this.#watch(query),
      release: (live) => this.#release(live),
    };
    this.#link = new Link(url, options, {
      opened: (welcome) => this.#opened(welcome),
      pushed: (message) => this.#pushed(message),
      lost: () => this.#bySubscription.clear(),
      status: (status, error) => this.#events.emit("status", error ? { status, error } : { status }),
    });
  }

  get status(): Status {
    return this.#link.status;
  }

  /** Who the gateway knows this client as; undefined until the first welcome. */
  get user(): Principal | undefined {
    return this.#user;
  }

  /** Hear of every message of a type, or of the connection's `status`; returns what ends it. */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Send a request and wait for its reply, whose type follows from the request's. */
  request<T extends keyof Replies>(message: Omit<ClientMessages[T], "ref"> & { type: T }): Promise<Replies[T]> {
    return this.#ask(message as unknown as Message) as unknown as Promise<Replies[T]>;
  }

  /** Send a message as it is, without waiting for anything; it waits for the line to open. */
  send(message: ClientMessages[keyof ClientMessages]): void {
    this.#link.send(message as unknown as Message);
  }

  /** Become somebody else: a user by a token. */
  async authenticate(token: string): Promise<Principal> {
    const reply = await this.request({ type: "authenticate", token });
    this.#user = reply.user;
    return reply.user;
  }

  room<N extends string>(name: N): Room<DataOf<A, N>> {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new Room<never>(this.#link, name, () => this.#rooms.delete(name));
      this.#rooms.set(name, room);
    }
    return room as unknown as Room<DataOf<A, N>>;
  }

  resource<N extends ResourceName<A>>(name: N): Resource<A, N> {
    return new Resource<A, N>(this.#asking, name);
  }

  close(): void {
    this.#link.close();
  }

  // -- the line -------------------------------------------------------------------------------------------------------

  #opened(welcome: Welcome): void {
    this.#user = welcome.user;
    for (const room of this.#rooms.values()) if (room.wanted) room.enter();
    for (const { live } of this.#queries.values()) live.subscribe();
  }

  #pushed(message: Message): void {
    const position = message.position as FeedPosition | undefined;
    switch (message.type) {
      case "message":
        this.#rooms.get(message.room as string)?.said(message as unknown as RoomMessage);
        break;
      case "presence":
        this.#rooms.get(message.room as string)?.presence(message as unknown as PresenceList);
        break;
      case "presence_diff":
        this.#rooms.get(message.room as string)?.presenceChanged(message as unknown as PresenceDiff);
        break;
      case "snapshot":
        for (const live of this.#subscribers(message)) live.page(message as unknown as Snapshot);
        break;
      case "update":
        for (const live of this.#subscribers(message)) live.update(message as unknown as Update);
        break;
      case "heartbeat":
        if (position) for (const { live } of this.#queries.values()) live.reached(position);
        break;
    }
    this.#events.emit(message.type as keyof Pushes, message as never);
  }

  #subscribers(message: Message): Iterable<Live<never>> {
    return this.#bySubscription.get(message.subscription as string) ?? [];
  }

  #ask(message: Message): Promise<Message> {
    const repeatable = REPEATABLE.has(message.type) || message.key !== undefined;
    return new Promise((resolve, reject) => {
      this.#link.request({ message, repeatable, replied: resolve, failed: reject });
    });
  }

  // -- queries --------------------------------------------------------------------------------------------------------

  #watch(query: Query): Live<never> {
    const key = queryKey(query);
    const known = this.#queries.get(key);
    if (known) {
      known.uses += 1;
      return known.live;
    }
    const live = new Live<never>(this.#link, query, (subscribed, id) => {
      const same = this.#bySubscription.get(id) ?? new Set();
      this.#bySubscription.set(id, same.add(subscribed));
    });
    this.#queries.set(key, { live, uses: 1 });
    if (this.#link.status === "open") live.subscribe();
    return live;
  }

  #release(live: Live<never>): void {
    const key = queryKey(live.query);
    const known = this.#queries.get(key);
    if (!known || known.live !== live) return;
    known.uses -= 1;
    if (known.uses > 0) return;
    this.#queries.delete(key);
    live.unsubscribe();
    if (live.subscription) this.#bySubscription.delete(live.subscription);
  }
}
