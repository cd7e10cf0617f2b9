// One room: its messages and its members. It joins again on each new connection and asks for what it missed.
//
// Invariant: a listener gets a message once, in the order of its offset within the room's epoch.

import type {
  Joined,
  JoinRequest,
  Member,
  Messages,
  PresenceDiff,
  PresenceList,
  PresenceMode,
  RoomMessage,
  RoomPosition,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import {
  ClientClosed,
  ConnectionClosed,
  ConnectionLost,
  InvalidOption,
  type TidegateError,
  withdrawn,
} from "./errors.js";
import { idempotencyKey } from "./idempotency.js";
import type { Link } from "./link.js";
import type { History, HistoryOptions, JoinOptions, Message, PresenceOptions } from "./membership.js";
import type { Request } from "./outstanding.js";
import type { Part } from "./part.js";
import { isKnown } from "./positions.js";
import { plain, type WireMessage } from "./wire.js";

interface Events<T> {
  message: Message<T>;
  presence: readonly Member[];
  /** After a reconnect the gateway could not replay every message that was missed. */
  gap: undefined;
  error: TidegateError;
}

export class Room<T = unknown> implements Part {
  readonly name: string;
  readonly #link: Link;
  readonly #events = new Emitter<Events<T>>();
  readonly #members = new Map<string, Member>();
  #about: PresenceOptions = {};
  #mode: PresenceMode = "diff";
  /** Its place in the order of sending: what the program asks after `join` is sent after it, on later connections too. */
  #place = 0;
  #position: RoomPosition | undefined;
  #recovered: boolean | undefined;
  #replays = 0;
  #gap = false;
  #joined: Promise<void> | undefined;
  #waiting: { resolve: () => void; reject: (error: TidegateError) => void } | undefined;
  /** What ended the membership. */
  #error: TidegateError | undefined;

  /** A program gets one from `client.room(name)`. */
  constructor(link: Link, name: string) {
    this.#link = link;
    this.name = name;
  }

  /** The members, in the order in which they came; empty with `presence: "none"`. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Where this client is in the room's history: `join({ since })` goes on from here another time. */
  get position(): RoomPosition | undefined {
    return this.#position;
  }

  /** Whether the last join got every message that was missed; undefined before the first. */
  get recovered(): boolean | undefined {
    return this.#recovered;
  }

  /** Listen; returns the function that stops it. */
  on<K extends keyof Events<T>>(event: K, listener: (value: Events<T>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Enter the room, and stay in it across reconnects until `leave`. It waits for the connection to open. */
  join({ presence, since, ...about }: JoinOptions = {}): Promise<void> {
    if (this.#joined && presence && presence !== this.#mode) {
      const reason = `room '${this.name}' is joined with presence = '${this.#mode}' already`;
      return Promise.reject(new InvalidOption(reason));
    }
    try {
      this.#about = { ...this.#about, ...plain(about) };
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#joined) return this.#joined;
    this.#mode = presence ?? "diff";
    this.#place = this.#link.outstanding.place();
    this.#position = since;
    this.#error = this.#recovered = undefined;
    this.#joined = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#joined.catch(() => {});
    const joined = this.#joined;
    if (this.#link.ended) this.#end(this.#link.ended, true);
    else if (this.#link.status === "open") this.#enter();
    return joined;
  }

  /** Leave the room and forget its position and its members. Idempotent. */
  leave(): void {
    if (!this.#joined) return;
    const message: WireMessage = { type: "leave", room: this.name };
    if (this.#link.status === "open") this.#link.post(message);
    else if (this.#link.outstanding.mentions(this.name)) {
      // What the program said in the room while there was no connection is still said, and then it leaves.
      this.#join({ failed: () => {} });
      this.#link.send(message);
    }
    this.#out(this.#notJoined());
  }

  /** Send a message to every member, this client too. Returns its position in the room's history. */
  async send(data: T, { key = idempotencyKey() }: { key?: string | undefined } = {}): Promise<RoomPosition> {
    const reply = await this.#ask({ type: "message", room: this.name, data, key });
    return reply.position as RoomPosition;
  }

  /** Change what other members see of this client, and ask for all members. The client keeps it across reconnects. */
  async update(options: PresenceOptions): Promise<readonly Member[]> {
    const about = plain(options);
    const list = await this.#ask({ type: "presence", room: this.name, ...about });
    // Only what the gateway took: a refused value would be refused at the next join.
    if (this.#joined) {
      this.#about = { ...this.#about, ...about };
      this.#list((list as unknown as PresenceList).users);
    }
    return this.members;
  }

  /** A page of the room's past, oldest first. */
  async history({ before, limit }: HistoryOptions = {}): Promise<History<T>> {
    const offset = typeof before === "object" ? before.offset : before;
    const reply = await this.#ask({ type: "history", room: this.name, before: offset, limit });
    const { messages, more } = reply as unknown as Messages;
    return { messages: messages.map((entry) => ({ ...(entry as Message<T>), replayed: false, gap: false })), more };
  }

  // -- what the client passes on --------------------------------------------------------------------------------------

  opened(): void {
    if (this.#joined) this.#enter();
  }

  pushed(message: WireMessage): void {
    if (!this.#joined || message.room !== this.name) return;
    if (message.type === "message") this.#receive(message as unknown as RoomMessage);
    if (message.type === "presence") this.#list((message as unknown as PresenceList).users);
    if (message.type === "presence_diff") this.#change(message as unknown as PresenceDiff);
    if (message.type === "left" && message.ref === undefined) {
      this.#end(withdrawn(`the membership in room '${this.name}'`));
    }
  }

  closed(error: TidegateError, quiet: boolean): void {
    if (this.#joined) this.#end(error, quiet);
  }

  // -- within ---------------------------------------------------------------------------------------------------------

  #enter(): void {
    const membership = this.#joined;
    this.#join({
      bound: true,
      replied: (reply) => {
        if (membership === this.#joined) this.#entered(reply as unknown as Joined);
      },
      failed: (error) => {
        if (membership === this.#joined) this.#refused(error);
      },
    });
  }

  #receive(message: RoomMessage): void {
    if (isKnown(this.#position, message.position)) return;
    this.#position = message.position;
    const replayed = this.#replays > 0;
    if (replayed) this.#replays -= 1;
    const gap = this.#gap;
    this.#gap = false;
    this.#events.emit("message", { ...(message as Message<T>), replayed, gap });
  }

  /** The membership is over; `quiet` if the program ended it. */
  #end(error: TidegateError, quiet = false): void {
    this.#error = error;
    this.#out(error);
    if (!quiet) this.#events.emit("error", error);
  }

  #list(members: readonly Member[]): void {
    this.#members.clear();
    for (const member of members) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  #change({ left, joined, changed }: PresenceDiff): void {
    for (const { id } of left) this.#members.delete(id);
    for (const member of [...joined, ...changed]) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  #join(request: Omit<Request, "message">): void {
    const message = {
      type: "join",
      room: this.name,
      presence: this.#mode,
      since: this.#position,
      ...this.#about,
    } satisfies Partial<JoinRequest>;
    this.#link.request({ ...request, message, place: this.#place });
  }

  #entered(reply: Joined): void {
    const before = this.#position;
    this.#recovered = reply.recovered;
    this.#replays = reply.replayed;
    if (!reply.recovered || reply.replayed === 0) this.#position = reply.position;
    // A client at the head missed nothing, even in a room that keeps no history to recover from.
    this.#gap = before !== undefined && !reply.recovered && !isKnown(before, reply.position);
    if (this.#gap) this.#events.emit("gap", undefined);
    if (reply.users) this.#list(reply.users);
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** A program that waits for the first answer decides what to do; a member across reconnects tries again. */
  #refused(error: TidegateError): void {
    // The next connection joins again, or the end of the client ends this room.
    if (error instanceof ConnectionLost || error instanceof ConnectionClosed) return;
    const joined = this.#joined;
    if (!error.retryable || this.#waiting) this.#end(error);
    else
      this.#link.again(error, () => {
        if (joined === this.#joined) this.#enter();
      });
  }

  #out(error: TidegateError): void {
    this.#waiting?.reject(error);
    this.#waiting = this.#joined = this.#position = undefined;
    this.#about = {};
    this.#replays = 0;
    this.#gap = false;
    if (this.#members.size === 0) return;
    this.#members.clear();
    this.#events.emit("presence", this.members);
  }

  #notJoined(): ClientClosed {
    return new ClientClosed(`room '${this.name}' is not joined`);
  }

  #ask(message: WireMessage): Promise<WireMessage> {
    if (!this.#joined) return Promise.reject(this.#link.ended ?? this.#error ?? this.#notJoined());
    return new Promise((resolve, reject) => {
      this.#link.request({ message, repeat: true, replied: resolve, failed: reject });
    });
  }
}
