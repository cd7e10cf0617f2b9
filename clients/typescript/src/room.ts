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
import { ClientClosed, ConnectionClosed, ConnectionLost, type TidegateError, withdrawn } from "./errors.js";
import { idempotencyKey } from "./idempotency.js";
import type { Link, Message } from "./link.js";
import { isKnown } from "./positions.js";

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
  readonly #events = new Emitter<Events<T>>();
  readonly #members = new Map<string, Member>();
  #options: JoinOptions = {};
  #position: RoomPosition | undefined;
  #joined: Promise<void> | undefined;
  #waiting: { resolve: () => void; reject: (error: TidegateError) => void } | undefined;

  constructor(link: Link, name: string) {
    this.#link = link;
    this.name = name;
  }

  /** Who is present, in the order in which they came. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  on<K extends keyof Events<T>>(event: K, listener: (value: Events<T>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Enter the room, and stay in it across reconnects until `leave`. It waits for the line to open. */
  join(options: JoinOptions = {}): Promise<void> {
    this.#options = { ...this.#options, ...options };
    if (this.#joined) return this.#joined;
    this.#joined = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#joined.catch(() => {});
    const joined = this.#joined;
    if (this.#link.ended) this.end(this.#link.ended, true);
    else if (this.#link.status === "open") this.enter();
    return joined;
  }

  /** Leave the room, and forget it: a later `join` begins anew. */
  leave(): void {
    if (this.#joined && this.#link.status === "open") this.#link.send({ type: "leave", room: this.name });
    this.#out(new ClientClosed(`left ${this.name}`));
  }

  /** Say something. It comes back as a `message`, like everybody's. */
  send(data: T): Promise<RoomPosition> {
    const message = { type: "message", room: this.name, data, key: idempotencyKey() };
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
    const membership = this.#joined;
    this.#link.request({
      message: message as unknown as Message,
      repeatable: false,
      patient: true,
      replied: (reply) => {
        if (membership === this.#joined) this.#entered(reply as unknown as Joined);
      },
      failed: (error) => {
        if (membership === this.#joined) this.#refused(error);
      },
    });
  }

  said(message: RoomMessage): void {
    if (!this.#joined || isKnown(this.#position, message.position)) return;
    this.#position = message.position;
    this.#events.emit("message", message as Said<T>);
  }

  /** The gateway ended the membership by itself. */
  withdraw(): void {
    this.end(withdrawn(`the membership in ${this.name}`));
  }

  /** The membership is over; `quiet` if it is the program's doing. */
  end(error: TidegateError, quiet = false): void {
    if (!this.#joined) return;
    this.#out(error);
    if (!quiet) this.#events.emit("error", error);
  }

  presence(list: PresenceList): void {
    if (!this.#joined) return;
    this.#members.clear();
    for (const member of list.users) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  presenceChanged(diff: PresenceDiff): void {
    if (!this.#joined) return;
    for (const member of diff.left) this.#members.delete(member.id);
    for (const member of [...diff.joined, ...diff.changed]) this.#members.set(member.id, member);
    this.#events.emit("presence", this.members);
  }

  #entered(reply: Joined): void {
    const before = this.#position;
    if (!reply.recovered || reply.replayed === 0) this.#position = reply.position;
    // Whoever is at the head missed nothing, even in a room that keeps no history to recover from.
    if (before && !reply.recovered && !isKnown(before, reply.position)) this.#events.emit("gap", undefined);
    if (reply.users) this.presence({ type: "presence", room: this.name, users: reply.users });
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** Whoever waits for the first answer decides itself; a member across reconnects tries again. */
  #refused(error: TidegateError): void {
    // The next line joins again, or whoever knows why there is none ends this.
    if (error instanceof ConnectionLost || error instanceof ConnectionClosed) return;
    const joined = this.#joined;
    if (!error.retryable || this.#waiting) this.end(error);
    else
      this.#link.again(error, () => {
        if (joined === this.#joined) this.enter();
      });
  }

  #out(error: TidegateError): void {
    this.#waiting?.reject(error);
    this.#waiting = this.#joined = this.#position = undefined;
    this.#options = {};
    if (this.#members.size === 0) return;
    this.#members.clear();
    this.#events.emit("presence", this.members);
  }

  #ask(message: Message, repeatable: boolean): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#link.request({ message, repeatable, replied: resolve, failed: reject });
    });
  }
}
