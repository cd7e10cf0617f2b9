// A gateway in the program that tests it: rooms and rows work as with a real one, the application's messages are answered by the
// test, and nothing waits for a network.
//
// It checks no schema and no permission: a message that a real gateway would refuse may pass here. The types of `App` say most of
// that when the test is compiled; a test of the whole application runs against a real gateway.

import type { Principal } from "../../../../generated/typescript/protocol.js";
import { type Client, connect } from "../client.js";
import type { Options, ResourceShape, SocketConstructor } from "../options.js";
import type { AnyApp, AppContract, Asked, DataOf, KeyOf, PushesOf, RequestsOf, ResourceName, RowOf } from "../types.js";
import type { WireMessage } from "../wire.js";
import type { FakeAnswer, PartOf, ReplyOf } from "./answers.js";
import { FakeConnection, type Other } from "./connection.js";
import { FakeKeys } from "./keys.js";
import { Refusal, refuse } from "./refusals.js";
import { FakeRoom } from "./rooms.js";
import { FakeLog, FakeRows } from "./rows.js";
import { FakeStreams, isStream } from "./streams.js";
import { claimsOf, type FakeUser, whole } from "./users.js";

const URL = "ws://gateway.test/ws";
const LIMITS = { max_message: 65536, max_rooms: 100, max_subscriptions: 100, max_page: 1000, max_history: 1000 };
const ROOM_REQUESTS = new Set(["join", "leave", "message", "presence", "history"]);
const ROW_REQUESTS = new Set(["list", "get", "create", "update", "delete"]);
const ANY_SHAPE: ResourceShape = { key: ["id"], types: {} };
/** The types of the protocol's replies that are no `rows`. */
const REPLIES: Record<string, string | undefined> = {
  authenticate: "authenticated",
  history: "messages",
  join: "joined",
  leave: "left",
  message: "sent",
  ping: "pong",
  presence: "presence",
  subscribe: "subscribed",
  unsubscribe: "unsubscribed",
};

export interface FakeOptions<A extends AppContract = AnyApp> {
  /** `RESOURCES` of the generated `app.ts`: the keys, types and defaults. Without it, the key of every row is `id`. */
  resources?: { readonly [resource: string]: ResourceShape };
  /** The rows to begin with. What they lack, the defaults give. */
  rows?: { [N in ResourceName<A>]?: readonly Partial<RowOf<A, N>>[] };
  /** The user of connections without a token. The default is an anonymous one for each client. */
  user?: FakeUser;
  /** The users of tokens. The default reads the user from the token, and checks no signature. */
  users?: { readonly [token: string]: FakeUser };
}

type Answer = (message: never, connection: FakeConnection) => unknown;

/** See `fakeGateway`. */
export class FakeGateway<A extends AppContract = AnyApp> {
  readonly url = URL;
  /** Every message that clients sent, oldest first. */
  readonly sent: WireMessage[] = [];
  /** The WebSocket class with which a client reaches this gateway. */
  readonly WebSocket: SocketConstructor;
  readonly #options: FakeOptions<A>;
  readonly #connections = new Set<FakeConnection>();
  readonly #answers = new Map<string, Answer>();
  readonly #rooms = new Map<string, FakeRoom>();
  readonly #rows = new Map<string, FakeRows>();
  readonly #streams = new FakeStreams();
  readonly #keys = new FakeKeys();
  /** The anonymous users by the token that makes a client the same one again. */
  readonly #guests = new Map<string, Principal>();
  readonly #log = new FakeLog();
  #online = true;
  #count = 0;

  constructor(options: FakeOptions<A> = {}) {
    this.#options = options;
    const other: Other = {
      user: (token) => this.#connecting(token),
      created: (connection) => this.#created(connection),
      opened: (connection) => this.#opened(connection),
      received: (connection, message) => this.#received(connection, message),
      ended: (connection) => this.#ended(connection),
    };
    this.WebSocket = class extends FakeConnection {
      constructor(_url: string, protocols?: string[]) {
        super(protocols, other);
      }
    };
    for (const [name, rows] of Object.entries(options.rows ?? {})) this.#table(name).create(...(rows as object[]));
  }

  /** A client of this gateway: the real one, without a network. */
  client(options: Options = {}): Client<A> {
    return connect<A>(URL, {
      resources: this.#options.resources,
      identity: "none",
      ...options,
      WebSocket: this.WebSocket,
    });
  }

  /** The connections that are open. */
  get connections(): readonly FakeConnection[] {
    return [...this.#connections].filter((each) => each.open);
  }

  /**
   * Answer the messages of a type: with the fields of the reply, or with `throw refuse(code)`. An async generator yields parts and
   * returns the reply. The last answer that was given counts, also for the protocol's own messages.
   */
  on<T extends keyof RequestsOf<A> & string>(
    type: T,
    answer: (message: RequestsOf<A>[T], connection: FakeConnection) => FakeAnswer<ReplyOf<A, T>, PartOf<A, T>>,
  ): this {
    this.#answers.set(type, answer as unknown as Answer);
    return this;
  }

  /** Answer a type of message as before `on`. */
  off(type: keyof RequestsOf<A> & string): this {
    this.#answers.delete(type);
    return this;
  }

  /** The rows of a resource. */
  rows<N extends ResourceName<A>>(name: N): FakeRows<RowOf<A, N>, KeyOf<A, N>> {
    return this.#table(name) as unknown as FakeRows<RowOf<A, N>, KeyOf<A, N>>;
  }

  /** A room. */
  room<N extends string>(name: N): FakeRoom<DataOf<A, N>> {
    return this.#room(name) as unknown as FakeRoom<DataOf<A, N>>;
  }

  #room(name: string): FakeRoom {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new FakeRoom(name);
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** Send a message that answers no request to every client. */
  push<T extends keyof PushesOf<A> & string>(type: T, fields: Asked<PushesOf<A>[T]>): void {
    for (const connection of this.connections) connection.push(type, fields as object);
  }

  /** Break every connection. Clients come back by themselves, unless the gateway is offline. */
  disconnect(code = 1006): void {
    for (const connection of [...this.#connections]) connection.drop(code);
  }

  /** Break every connection and take no more, until `online`. */
  offline(): void {
    this.#online = false;
    this.disconnect();
  }

  online(): void {
    this.#online = true;
  }

  // -- connections ----------------------------------------------------------------------------------------------------------

  #connecting(token: string | undefined): Principal {
    this.#count += 1;
    if (token) return this.#userOf(token);
    return whole(this.#options.user ?? { id: `anon-${this.#count}`, name: `Guest ${this.#count}`, anonymous: true });
  }

  #created(connection: FakeConnection): void {
    this.#connections.add(connection);
    if (!this.#online) connection.drop();
  }

  #opened(connection: FakeConnection): void {
    const { user } = connection;
    const identity = `identity of ${user.id}`.replaceAll(" ", "-");
    if (user.anonymous) this.#guests.set(identity, user);
    connection.push("welcome", {
      protocol: 1,
      connection: connection.id,
      user,
      ...(user.anonymous ? { identity } : {}),
      position: this.#log.position,
      heartbeat: 3600,
      limits: { ...LIMITS, max_ids: 1000 },
      contract: "",
    });
  }

  #ended(connection: FakeConnection): void {
    this.#connections.delete(connection);
    for (const rows of this.#rows.values()) rows.left(connection);
    for (const room of this.#rooms.values()) room.left(connection);
    this.#streams.left(connection);
  }

  #userOf(token: string): Principal {
    return this.#guests.get(token) ?? whole(this.#options.users?.[token] ?? claimsOf(token));
  }

  // -- requests -------------------------------------------------------------------------------------------------------------

  #received(connection: FakeConnection, message: WireMessage): void {
    this.sent.push(message);
    void this.#answer(connection, message).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error; // a mistake in the test: it shows as an unhandled rejection
      const { code, message: text, details } = error;
      connection.push("error", { ref: message.ref, code, message: text, temporary: false, ...details });
    });
  }

  async #answer(connection: FakeConnection, message: WireMessage): Promise<void> {
    const answer = this.#answers.get(message.type);
    if (!answer) {
      this.#byDefault(connection, message);
      return;
    }
    const answered = answer(message as never, connection);
    const { type, ref } = message;
    const parts = isStream(answered) && this.#streams.run(connection, ref, answered);
    const reply = (await (parts || answered)) as object | undefined;
    if (ref === undefined) return;
    if (reply === undefined) connection.push("ok", { ref });
    else connection.push(REPLIES[type] ?? (ROW_REQUESTS.has(type) ? "rows" : `reply to ${type}`), { ...reply, ref });
  }

  #byDefault(connection: FakeConnection, message: WireMessage): void {
    const { type, ref } = message;
    const { position } = this.#log;
    if (ROOM_REQUESTS.has(type)) {
      this.#room(message.room as string)[type as "join"](connection, message);
    } else if (ROW_REQUESTS.has(type)) {
      const rows = this.#table(message.resource as string);
      const reply = this.#keys.once(connection.user.id, message, () => rows.answer(message));
      if (ref !== undefined) connection.push("rows", { ...reply, ref });
    } else if (type === "subscribe") {
      this.#count += 1;
      this.#table(message.resource as string).subscribe(connection, message, `s${this.#count}`);
    } else if (type === "unsubscribe") {
      connection.push("unsubscribed", { subscription: this.#unsubscribed(connection, message), ref });
    } else if (type === "authenticate") {
      const watched = [...this.#rooms.values()].map((room) => room.watch());
      connection.user = this.#userOf(message.token as string);
      for (const tellMembers of watched) tellMembers();
      connection.push("authenticated", { user: connection.user, ref });
    } else if (type === "ping") {
      connection.push("pong", { time: Date.now(), position, ref });
    } else if (type === "cancel") {
      this.#streams.cancel(connection, ref);
    } else {
      throw refuse("unknown_type", `no answer for "${type}": gateway.on("${type}", ...)`, { pointer: "/type" });
    }
  }

  #unsubscribed(connection: FakeConnection, message: WireMessage): string {
    for (const rows of this.#rows.values()) {
      if (message.resource !== undefined && rows.name !== message.resource) continue;
      const found = rows.unsubscribe(connection, message);
      if (found) return found;
    }
    throw refuse("not_found", "there is no such subscription", { pointer: "/subscription" });
  }

  #table(name: string): FakeRows {
    let rows = this.#rows.get(name);
    if (!rows) {
      rows = new FakeRows(name, this.#options.resources?.[name] ?? ANY_SHAPE, this.#log);
      this.#rows.set(name, rows);
    }
    return rows;
  }
}

/**
 * A gateway for the tests of a program: `fakeGateway<App>({ resources: RESOURCES, rows: { tasks: [{ title: "Try it" }] } })`.
 * `gateway.client()` is a client of it.
 */
export function fakeGateway<A extends AppContract = AnyApp>(options: FakeOptions<A> = {}): FakeGateway<A> {
  return new FakeGateway<A>(options);
}
