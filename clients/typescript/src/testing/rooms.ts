// The rooms of a fake gateway: messages, history, members.
//
// Every client may join every room. Invariant: a connection gets a room's messages from its `joined` until its `left`.

import type { Member, Principal, RoomMessage, RoomPosition } from "../../../../generated/typescript/protocol.js";
import type { WireMessage } from "../wire.js";
import type { FakeConnection } from "./connection.js";
import { FakeKeys } from "./keys.js";
import { refuse } from "./refusals.js";

type Told = Pick<Member, "status" | "info">;
type Mode = "full" | "diff" | "none";

interface Membership extends Told {
  mode: Mode;
}

/** One room, as a test sees it and speaks in it. */
export class FakeRoom<T = unknown> {
  /** All messages, oldest first. */
  readonly messages: RoomMessage[] = [];
  readonly #here = new Map<FakeConnection, Membership>();
  readonly #guests = new Map<string, Member>();
  readonly #since = new Map<string, number>();
  #keys = new FakeKeys();
  #epoch = 1;

  constructor(readonly name: string) {}

  /** The members, in the order in which they joined. */
  get members(): Member[] {
    const found = new Map<string, Member>(this.#guests);
    for (const [{ user }, { status, info }] of this.#here) {
      const known = found.get(user.id);
      const connections = (known?.connections ?? 0) + 1;
      const since = this.#since.get(user.id) ?? 0;
      const said = info ? { info } : {};
      found.set(user.id, { id: user.id, name: user.name, status, ...said, connections, since });
    }
    return [...found.values()].sort((a, b) => a.since - b.since);
  }

  /** A user who is not a client of this program says something. */
  say(data: T, from: { id: string; name?: string } = { id: "another" }): RoomMessage {
    return this.#publish(data, { id: from.id, name: from.name ?? from.id });
  }

  /** A user who is not a client of this program comes in. */
  enter(who: { id: string; name?: string; status?: Member["status"]; info?: Member["info"] }): void {
    const { id, name = id, status = "online", info } = who;
    this.#changing(() => {
      const member = { id, name, status, connections: 1, since: Date.now() };
      this.#guests.set(id, info ? { ...member, info } : member);
    });
  }

  /** A user who came in with `enter` leaves. */
  exit(id: string): void {
    this.#changing(() => this.#guests.delete(id));
  }

  /** Take a client out of the room, as the gateway does when the rules do not let the user in any more. */
  remove(user: string, reason: "forbidden" | "removed" | "closed" = "removed"): void {
    for (const connection of [...this.#here.keys()]) {
      if (connection.user.id !== user) continue;
      connection.push("left", { room: this.name, reason });
      this.left(connection);
    }
  }

  /** Lose all messages, as a gateway without a durable history does when it starts again. */
  restart(): void {
    this.messages.length = 0;
    this.#keys = new FakeKeys();
    this.#epoch += 1;
    const { name: room, position } = this;
    for (const connection of this.#here.keys())
      connection.push("joined", { room, position, recovered: false, replayed: 0 });
  }

  get position(): RoomPosition {
    return this.messages.at(-1)?.position ?? { epoch: `fake-${this.#epoch}`, offset: 0 };
  }

  // -- requests -----------------------------------------------------------------------------------------------------------

  join(connection: FakeConnection, message: WireMessage): void {
    const known = this.#here.get(connection);
    const { position } = this;
    const since = message.since as RoomPosition | undefined;
    const recovered = since?.epoch === position.epoch && since.offset <= position.offset;
    const missed = recovered ? this.messages.filter((each) => each.position.offset > since.offset) : [];
    const mode = (message.presence as Mode | undefined) ?? known?.mode ?? "full";
    this.#changing(() => this.#here.set(connection, { mode, ...said(message, known) }), connection);
    const users = mode === "diff" ? { users: this.members } : {};
    const counted = { recovered, replayed: missed.length, ...users };
    connection.push("joined", { room: this.name, position, ...counted, ref: message.ref });
    for (const each of missed) connection.push("message", each);
    if (mode === "full") connection.push("presence", { room: this.name, users: this.members });
  }

  leave(connection: FakeConnection, message: WireMessage): void {
    this.#membership(connection);
    this.left(connection);
    if (message.ref !== undefined) connection.push("left", { room: this.name, ref: message.ref });
  }

  message(connection: FakeConnection, message: WireMessage): void {
    const { user } = connection;
    const { data, ref } = message;
    this.#membership(connection);
    const { position } = this.#keys.once(user.id, message, () => this.#publish(data, user));
    if (ref !== undefined) connection.push("sent", { room: this.name, position, ref });
  }

  presence(connection: FakeConnection, message: WireMessage): void {
    const known = this.#membership(connection);
    this.#changing(() => Object.assign(known, said(message, known)), connection);
    connection.push("presence", { room: this.name, users: this.members, ref: message.ref });
  }

  history(connection: FakeConnection, { before, limit, ref }: WireMessage): void {
    this.#membership(connection);
    const older = this.messages.filter(
      ({ position }) => position.offset < ((before as number | undefined) ?? Infinity),
    );
    const messages = older.slice(-((limit as number | undefined) ?? 1000));
    connection.push("messages", { room: this.name, messages, more: messages.length < older.length, ref });
  }

  /** The connection is not in the room any more. */
  left(connection: FakeConnection): void {
    if (this.#here.has(connection)) this.#changing(() => this.#here.delete(connection));
  }

  // -- within -------------------------------------------------------------------------------------------------------------

  #membership(connection: FakeConnection): Membership {
    const found = this.#here.get(connection);
    if (!found) throw refuse("not_joined", "join the room first", { pointer: "/room" });
    return found;
  }

  #publish(data: unknown, { id, name }: Pick<Principal, "id" | "name">): RoomMessage {
    const { epoch, offset } = this.position;
    const position = { epoch, offset: offset + 1 };
    const message = { type: "message", room: this.name, from: id, sender: { id, name }, data, position } as const;
    this.messages.push({ ...message, time: Date.now() });
    for (const connection of this.#here.keys()) connection.push("message", this.messages.at(-1));
    return this.messages.at(-1) as RoomMessage;
  }

  /** Do what changes the members, and tell all but `except` of it. */
  #changing(change: () => unknown, except?: FakeConnection): void {
    const tell = this.watch();
    change();
    tell(except);
  }

  /** Called before what may change the members. Returns what tells it to all but `except`. @internal */
  watch(): (except?: FakeConnection) => void {
    const before = this.members;
    return (except) => this.#tell(before, except);
  }

  #tell(before: readonly Member[], except?: FakeConnection): void {
    for (const { user } of this.#here.keys()) if (!this.#since.has(user.id)) this.#since.set(user.id, Date.now());
    const after = this.members;
    const named = (members: readonly Member[], { id }: Member) => members.find((each) => each.id === id);
    const joined = after.filter((each) => !named(before, each));
    const left = before.filter((each) => !named(after, each));
    const changed = after.filter((each) => {
      const known = named(before, each);
      return known && JSON.stringify(known) !== JSON.stringify(each);
    });
    for (const { id } of left) this.#since.delete(id);
    if (joined.length + left.length + changed.length === 0) return;
    for (const [connection, { mode }] of this.#here) {
      if (connection === except || mode === "none") continue;
      if (mode === "full") connection.push("presence", { room: this.name, users: after });
      else connection.push("presence_diff", { room: this.name, joined, left, changed });
    }
  }
}

/** What a member says of itself; what the message does not name stays. */
function said({ status, info }: WireMessage, known: Told | undefined): Told {
  const kept = (info ?? known?.info) as Member["info"] | undefined;
  return { status: ((status ?? known?.status) as Member["status"]) ?? "online", ...(kept ? { info: kept } : {}) };
}
