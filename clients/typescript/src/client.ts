// The client as a program sees it: requests and rooms. `connect` makes one.
//
// It puts the parts together and routes each push to the room that it is about, and to its parts. A part is an ability that
// a program imports by itself, such as live queries (`resource.ts`): what is not imported is not in the bundle.
// Invariant: nothing here waits or sends by itself.

import type { Authenticated, Principal, Welcome } from "../../../generated/typescript/protocol.js";
import { Emitter, guard } from "./emitter.js";
import { ClientClosed, RequestRefused, type TidegateError } from "./errors.js";
import { idempotencyKey } from "./idempotency.js";
import { Link, type Status } from "./link.js";
import type { JoinOptions, RoomPort } from "./membership.js";
import { type Options, settingsOf } from "./options.js";
import { mayRepeat, WRITES } from "./outstanding.js";
import { type Part, PORT, portOf } from "./part.js";
import { Parts, type PartsOptions } from "./parts.js";
import { Room } from "./room.js";
import { bearer } from "./token.js";
import type {
  AnyApp,
  AppContract,
  Asked,
  DataOf,
  PartsOf,
  PushesOf,
  RefusalOf,
  RepliesOf,
  RequestsOf,
} from "./types.js";
import type { WireMessage } from "./wire.js";

type Events<A extends AppContract> = PushesOf<A> & { status: { status: Status; error?: TidegateError | undefined } };

export interface RequestOptions {
  /** Whether the client may send the request again on the next connection, where its type does not say so. */
  repeat?: boolean | undefined;
}

/** Connect to a gateway. The client connects, reconnects and resumes by itself until `close`. */
export function connect<A extends AppContract = AnyApp>(url: string, options?: Options): Client<A> {
  return new Client<A>(url, options);
}

export class Client<A extends AppContract = AnyApp> {
  /** The application's contract, for the compiler alone. */
  declare readonly "~contract": A;
  /** The user that the gateway takes this client for; undefined until the first welcome. */
  declare user: Principal | undefined;
  readonly #link: Link;
  readonly #rooms = new Map<string, WeakRef<Room<never>>>();
  readonly #parts = new Map<unknown, Part>();
  readonly #events = new Emitter<Events<A>>();
  /** Who the user is and which roles it has; empty before the first welcome. */
  #rights = "";
  /** The program's contract, until a gateway that has another one was reported. */
  #contract: string | undefined;

  constructor(url: string, options: Options = {}) {
    this.#contract = options.contract;
    this.#link = new Link(url, settingsOf(options), {
      opened: (welcome) => this.#opened(welcome),
      pushed: (message) => {
        this.#each((part) => part.pushed(message));
        this.#events.emit(message.type as keyof Events<A>, message as never);
      },
      lost: () => this.#each((part) => part.lost?.()),
      status: (status, error) => {
        if (status === "closed" && error) this.#each((part) => part.closed(error, error instanceof ClientClosed));
        this.#events.emit("status", { status, error } as Events<A>["status"]);
      },
    });
    (this as { [PORT]?: RoomPort })[PORT] = {
      link: this.#link,
      options,
      parts: this.#parts,
      user: () => this.user,
      request: (message) => this.#ask(message),
    };
  }

  /** "connecting", "open", "reconnecting" or "closed". */
  get status(): Status {
    return this.#link.status;
  }

  /** The `welcome` of the present (or last) connection: its id, limits, contract, heartbeat. */
  get welcome(): Welcome | undefined {
    return this.#link.welcome;
  }

  /** Listen to the messages of a type, or to the connection's `status`; returns the function that stops it. */
  on<K extends keyof Events<A>>(event: K, listener: (value: Events<A>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Send a request and wait for its reply, whose type follows from the request's. A mutation without an idempotency
   * `key` gets one.
   */
  request<T extends keyof RequestsOf<A> & keyof RepliesOf<A>>(
    message: Asked<RequestsOf<A>[T]> & { type: T },
    options?: RequestOptions,
  ): Promise<RepliesOf<A>[T]> {
    const asked = this.#ask(message as unknown as WireMessage, options?.repeat);
    return asked as unknown as Promise<RepliesOf<A>[T]>;
  }

  /**
   * Send a message whose answer comes in parts: `for await (const part of client.stream({ type: ... }))`. Its `reply`
   * follows the last part. When the connection breaks, it fails with ConnectionLost.
   */
  stream<T extends keyof PartsOf<A> & keyof RequestsOf<A> & keyof RepliesOf<A>>(
    message: Asked<RequestsOf<A>[T]> & { type: T },
    options?: PartsOptions,
  ): Parts<PartsOf<A>[T], RepliesOf<A>[T]> {
    return new Parts(this.#link, message as unknown as WireMessage, options);
  }

  /** Whether `error` refuses a request of this type. Its `code` then decides the type of its `data`. */
  isRefusal<T extends keyof RequestsOf<A>>(error: unknown, _type: T): error is RefusalOf<A, T> {
    return error instanceof RequestRefused;
  }

  /** Send a message and wait for nothing; the message waits for the connection to open. Throws after the end. */
  send(message: RequestsOf<A>[keyof RequestsOf<A>]): void {
    this.#link.send(message as unknown as WireMessage);
  }

  /** The gateway's time in milliseconds. */
  async ping(): Promise<number> {
    return (await this.#ask({ type: "ping" })).time as number;
  }

  /**
   * Become the user that `token` names: now and, unless the option `token` is a function, on later connections.
   * `unauthenticated` for an invalid token.
   */
  async authenticate(token: string): Promise<Principal> {
    return (await this.#ask({ type: "authenticate", token: bearer(token) }, true)).user as Principal;
  }

  /** A room by its name, which `join` enters; the same object as long as the program holds it or is in the room. */
  room<N extends string>(name: N): Room<DataOf<A, N>> {
    let room = this.#rooms.get(name)?.deref();
    if (!room) {
      room = new Room<never>(name, portOf(this) as RoomPort);
      const { size } = this.#rooms.set(name, new WeakRef(room));
      // Now and then, so that the map does not outgrow the rooms that the program holds.
      if (!(size % 64)) for (const [each, ref] of this.#rooms) if (!ref.deref()) this.#rooms.delete(each);
    }
    return room as unknown as Room<DataOf<A, N>>;
  }

  /** Enter a room, and stay in it across reconnects until `leave`. */
  async join<N extends string>(room: N, options?: JoinOptions): Promise<Room<DataOf<A, N>>> {
    const joined = this.room(room);
    await joined.join(options);
    return joined;
  }

  /** Close the connection for good; everything that waits fails with ClientClosed. Idempotent. */
  close(): void {
    this.#link.close();
  }

  // -- the connection -------------------------------------------------------------------------------------------------

  #opened(welcome: Welcome): void {
    if (this.#contract && welcome.contract !== this.#contract) {
      console.warn("another contract: run `tidegate generate`");
      this.#contract = undefined;
    }
    const another = this.#become(welcome.user);
    this.#each((part) => part.opened(another));
  }

  /** Be `user`. Returns whether that is another user than before, or the same one with other roles. */
  #become(user: Principal): boolean {
    const before = this.#rights;
    this.user = user;
    this.#rights = JSON.stringify([user.id, user.roles]);
    return before !== "" && before !== this.#rights;
  }

  #each(tell: (part: Part) => void): void {
    for (const part of [...this.#parts.values()]) guard(() => tell(part));
  }

  #ask(message: WireMessage, repeat?: boolean): Promise<WireMessage> {
    const keyed = WRITES.has(message.type) ? { ...message, key: message.key ?? idempotencyKey() } : message;
    return new Promise((resolve, reject) => {
      this.#link.request({
        message: keyed,
        repeat: repeat ?? mayRepeat(keyed),
        replied: (reply) => {
          if (reply.type === "authenticated") {
            this.#link.identify(message.token as string, reply as unknown as Authenticated);
            if (this.#become(reply.user as Principal)) this.#each((part) => part.identityChanged?.());
            this.#events.emit("status", { status: this.status } as Events<A>["status"]); // the user may have another name
          }
          resolve(reply);
        },
        failed: reject,
      });
    });
  }
}
