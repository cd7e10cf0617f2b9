// One room: what is said in it and who is there. It joins again on every new line and asks for what it missed.
//
// Invariant: a message is heard once, in the order of its offset within the room's epoch.

import type {
  Joined,
  JoinRequest,
  Member,
  Messages,
  PresenceDiff,
  PresenceInfo,
  PresenceList,
  PresenceStatus,
  RoomMessage,
  RoomPosition,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import { ConnectionClosed, type TidegateError } from "./errors.js";
import type { Link, Message } from "./link.js";

export type Said<T> = Omit<RoomMessage, "data"> & { data: T };

interface Events<T> {
  message: Said<T>;
  presence: readonly Member[];
  /** After a reconnect the gateway could not replay everything that was said meanwhile. */
  gap: undefined;
  error: TidegateError;
}

export interface JoinOptions {
  status?: PresenceStatus;
  info?: PresenceInfo;
}

export class Room<T = unknown> {
  readonly name: string;
  readonly #link: Link;
  readonly #ended: () => void;
  readonly #events = new Emitter<Events<T>>();
  readonly #members = new Map<string, Member>();
  #options: JoinOptions = {};
  #position: RoomPosition | undefined;
  #joined: Promise<void> | undefined;
  #waiting: { resolve: () => void; reject: (error: TidegateError) => void } | undefined;

  constructor(link: Link, name: string, ended: () => void) {
    this.#link = link;
    this.name = name;
    this.#ended = ended;
  }

  /** Who is present, in the order in which they came. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  on<K extends keyof Events<T>>(event: K, listener: (value: Events<T>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Enter the room, and stay in it across reconnects until `leave`. */
  join(options: JoinOptions = {}): Promise<void> {
    this.#options = options;
    if (this.#joined) return this.#joined;
    this.#joined = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#joined.catch(() => {});
    if (this.#link.status === "open") this.enter();
    return this.#joined;
  }

  leave(): void {
    if (this.#link.status === "open") this.#link.send({ type: "leave", room: this.name });
    this.#settle(new ConnectionClosed(`left ${this.name}`));
    this.#ended();
  }

  /** Say something. It comes back as a `message`, like everybody's. */
  send(data: T): Promise<RoomPosition> {
    const message = { type: "message", room: this.name, data, key: crypto.randomUUID() };
    return this.#ask(message, true).then((reply) => reply.position as RoomPosition);
  }

  /** Say how one is: away, typing, ... */
  update(options: JoinOptions): Promise<readonly Member[]> {
    this.#options = { ...this.#options, ...options };
    return this.#ask({ type: "presence", room: this.name, ...options }, true).then((reply) => {
      this.presence(reply as unknown as PresenceList);
      return this.members;
    });
  }

  /** What was said before `before`, oldest first, and whether there is more. */
  history(options: { before?: number; limit?: number } = {}): Promise<{ messages: Said<T>[]; more: boolean }> {
    return this.#ask({ type: "history", room: this.name, ...options }, true).then((reply) => {
      const page = reply as unknown as Messages;
      return { messages: page.messages as Said<T>[], more: page.more };
    });
  }

  /** Whether the program wants to be in the room. */
  get wanted(): boolean {
    return this.#joined !== undefined;
  }

  // -- what the client passes on --------------------------------------------------------------------------------------

  /** Join on a new line. */
  enter(): void {
    const message: JoinRequest = { type: "join", room: this.name, presence: "diff", ...this.#options };
    if (this.#position) message.since = this.#position;
    this.#link.request({
      message: message as unknown as Message,
      repeatable: false,
      replied: (reply) => this.#entered(reply as unknown as Joined),
      failed: (error) => {
        if (error.retryable) return; // the next line joins again
        this.#settle(error);
        this.#events.emit("error", error);
      },
    });
  }

  said(message: RoomMessage): void {
    const known = this.#position;
    if (known && known.epoch === message.position.epoch && message.position.offset <= known.offset) return;
    this.#position = message.position;
    this.#events.emit("message", message as Said<T>);
  }

  presence(list: PresenceList): void {
    this.#members.clear();
    for (const member of list.users) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  presenceChanged(diff: PresenceDiff): void {
    for (const member of diff.left) this.#members.delete(member.id);
    for (const member of [...diff.joined, ...diff.changed]) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  #entered(reply: Joined): void {
    const returning = this.#position !== undefined;
    if (!reply.recovered || reply.replayed === 0) this.#position = reply.position;
    if (returning && !reply.recovered) this.#events.emit("gap", undefined);
    if (reply.users) this.presence({ type: "presence", room: this.name, users: reply.users });
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #settle(error: TidegateError): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#joined = undefined;
  }

  #ask(message: Message, repeatable: boolean): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#link.request({ message, repeatable, replied: resolve, failed: reject });
    });
  }
}
