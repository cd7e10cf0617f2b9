// The client: one link, the rooms it is in, the queries it keeps, and who hears which push.

import type {
  PresenceDiff,
  PresenceList,
  Principal,
  Replies,
  RoomMessage,
  Welcome,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import type { TidegateError } from "./errors.js";
import { Link, type Message, type Status } from "./link.js";
import type { Options } from "./options.js";
import { Queries } from "./queries.js";
import { type Asking, Resource } from "./resource.js";
import { Room } from "./room.js";
import type { AnyApp, AppContract, DataOf, PushesOf, RepliesOf, RequestsOf, ResourceName } from "./types.js";

const REPEATABLE = new Set(["list", "get", "history", "presence", "ping"]);

type Events<A extends AppContract> = PushesOf<A> & { status: { status: Status; error?: TidegateError } };

/** Connect to a gateway. The client connects, reconnects and resumes by itself until `close`. */
export function connect<A extends AppContract = AnyApp>(url: string, options: Options = {}): Client<A> {
  return new Client<A>(url, options);
}

export class Client<A extends AppContract = AnyApp> {
  readonly #link: Link;
  readonly #queries: Queries;
  readonly #events = new Emitter<Events<A>>();
  readonly #rooms = new Map<string, Room<never>>();
  readonly #asking: Asking;
  #user: Principal | undefined;
  /** What the gateway's contract is compared with, until a difference was told. */
  #contract: string | undefined;
  #closing = false;

  constructor(url: string, options: Options = {}) {
    this.#contract = options.contract;
    this.#link = new Link(url, options, {
      opened: (welcome) => this.#opened(welcome),
      pushed: (message) => this.#pushed(message),
      lost: () => this.#queries.lost(),
      status: (status, error) => this.#status(status, error),
    });
    this.#queries = new Queries(this.#link, options.keys);
    this.#asking = {
      ask: (message) => this.#ask(message),
      watch: (query) => this.#queries.watch(query),
      release: (live) => this.#queries.release(live),
    };
  }

  get status(): Status {
    return this.#link.status;
  }

  /** Who the gateway knows this client as; undefined until the first welcome. */
  get user(): Principal | undefined {
    return this.#user;
  }

  /** Hear of every message of a type, or of the connection's `status`; returns what ends it. */
  on<K extends keyof Events<A>>(event: K, listener: (value: Events<A>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Send a request and wait for its reply, whose type follows from the request's. */
  request<T extends keyof RequestsOf<A> & keyof RepliesOf<A>>(
    message: Omit<RequestsOf<A>[T], "ref" | "type"> & { type: T },
  ): Promise<RepliesOf<A>[T]> {
    return this.#ask(message as unknown as Message) as unknown as Promise<RepliesOf<A>[T]>;
  }

  /** Send a message as it is, without waiting for anything; it waits for the line to open. */
  send(message: RequestsOf<A>[keyof RequestsOf<A>]): void {
    this.#link.send(message as unknown as Message);
  }

  /** Become somebody else, now and on later lines: the user whom a token names. */
  authenticate(token: string): Promise<Principal> {
    return new Promise((resolve, reject) => {
      this.#link.request({
        message: { type: "authenticate", token },
        repeatable: true,
        replied: (reply) => {
          const { user } = reply as unknown as Replies["authenticate"];
          this.#link.identify(token);
          if (this.#become(user)) this.#queries.identityChanged();
          resolve(user);
        },
        failed: reject,
      });
    });
  }

  /** A room by its name; the same object each time. */
  room<N extends string>(name: N): Room<DataOf<A, N>> {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new Room<never>(this.#link, name);
      this.#rooms.set(name, room);
    }
    return room as unknown as Room<DataOf<A, N>>;
  }

  resource<N extends ResourceName<A>>(name: N): Resource<A, N> {
    return new Resource<A, N>(this.#asking, name);
  }

  close(): void {
    this.#closing = true;
    this.#link.close();
  }

  // -- the line -------------------------------------------------------------------------------------------------------

  #opened(welcome: Welcome): void {
    if (this.#contract && welcome.contract && welcome.contract !== this.#contract) {
      console.warn(
        `tidegate: the gateway's contract is ${welcome.contract}, this program was generated from ${this.#contract}: ` +
          "run `tidegate generate` with the gateway's schema",
      );
      this.#contract = undefined;
    }
    if (this.#become(welcome.user)) this.#queries.forget();
    for (const room of this.#rooms.values()) if (room.wanted) room.enter();
    this.#queries.opened();
  }

  #status(status: Status, error: TidegateError | undefined): void {
    if (status === "closed" && error) {
      for (const room of this.#rooms.values()) room.end(error, this.#closing);
      if (!this.#closing) this.#queries.closed(error);
    }
    const event = error ? { status, error } : { status };
    this.#events.emit("status", event as Events<A>["status"]);
  }

  /** Be `user`; answers whether that is somebody else, or somebody with other roles, than before. */
  #become(user: Principal): boolean {
    const known = this.#user;
    this.#user = user;
    return known !== undefined && (known.id !== user.id || known.roles.join("\n") !== user.roles.join("\n"));
  }

  #pushed(message: Message): void {
    const room = typeof message.room === "string" ? this.#rooms.get(message.room) : undefined;
    switch (message.type) {
      case "message":
        room?.said(message as unknown as RoomMessage);
        break;
      case "presence":
        room?.presence(message as unknown as PresenceList);
        break;
      case "presence_diff":
        room?.presenceChanged(message as unknown as PresenceDiff);
        break;
      case "left":
        if (message.ref === undefined) room?.withdraw();
        break;
      default:
        this.#queries.pushed(message);
    }
    this.#events.emit(message.type as keyof Events<A>, message as never);
  }

  #ask(message: Message): Promise<Message> {
    const repeatable = REPEATABLE.has(message.type) || message.key !== undefined;
    return new Promise((resolve, reject) => {
      this.#link.request({ message, repeatable, replied: resolve, failed: reject });
    });
  }
}
