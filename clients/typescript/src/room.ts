// One room: its messages and its members. It joins again on each new connection and asks for what it missed.
// It is a part of the client while the program wants to be in it.
//
// Invariant: a listener gets a message once, in the order of its offset within the room's epoch.

import type {
  Joined,
  Member,
  Messages,
  PresenceDiff,
  PresenceList,
  PresenceMode,
  RoomMessage,
  RoomPosition,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import { ClientClosed, InvalidOption, type TidegateError, withdrawn } from "./errors.js";
import type {
  Gap,
  History,
  HistoryOptions,
  JoinOptions,
  Message,
  PresenceOptions,
  RoomPort,
  RoomStatus,
} from "./membership.js";
import type { Request } from "./outstanding.js";
import { isKnown } from "./positions.js";
import { plain, type WireMessage } from "./wire.js";

interface Events<T> {
  message: Message<T>;
  presence: readonly Member[];
  /** The gateway could not replay every message that was missed, or dropped messages because this client read too slowly. */
  gap: Gap;
  status: RoomStatus;
  error: TidegateError;
}

export class Room<T = unknown> {
  declare readonly name: string;
  /** The members, in the order in which they came; empty with `presence: "none"`. Another list after each change. */
  members: readonly Member[] = [];
  status: RoomStatus = "left";
  /** Where this client is in the room's history: `join({ since })` goes on from here another time. */
  declare position: RoomPosition | undefined;
  /** Whether the last join got every message that was missed; undefined before the first. */
  declare recovered: boolean | undefined;
  readonly #port: RoomPort;
  readonly #events = new Emitter<Events<T>>();
  #about: PresenceOptions = {};
  #mode: PresenceMode = "diff";
  /** Its place in the order of sending: what the program asks after `join` is sent after it, on later connections too. */
  #place = 0;
  #replays = 0;
  #gap = false;
  #joined: Promise<void> | undefined;
  #waiting: { resolve: () => void; reject: (error: TidegateError) => void } | undefined;
  /** What ended the membership. */
  #error: TidegateError | undefined;

  /** A program gets one from `client.room(name)`. */
  constructor(name: string, port: RoomPort) {
    this.name = name;
    this.#port = port;
  }

  /** This client's user as the members see it; undefined while it is not among them. */
  get me(): Member | undefined {
    return this.members.find(({ id }) => id === this.#port.user()?.id);
  }

  /** Listen; returns the function that stops it. */
  on<K extends keyof Events<T>>(event: K, listener: (value: Events<T>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Enter the room, and stay in it across reconnects until `leave`. It waits for the connection to open. In a room that is
   * joined, it says a new status or info.
   */
  join(options: JoinOptions = {}): Promise<void> {
    const joined = this.#begin(options);
    joined.catch(() => {}); // for a program that listens to `error`
    return joined;
  }

  /** Leave the room and forget its position and its members. Idempotent. */
  leave(): void {
    if (!this.#joined) return;
    const { link } = this.#port;
    const message: WireMessage = { type: "leave", room: this.name };
    const waits = link.outstanding.mentions(this.name);
    link.post(message);
    if (waits) {
      // What the program said in the room, and no connection has taken, is still said, and then it leaves.
      this.#join({});
      link.request({ message, place: link.outstanding.place() });
    }
    this.closed(this.#notJoined(), true);
  }

  /** Send a message to every member, this client too. Returns its position in the room's history. */
  async send(data: T, { key }: { key?: string | undefined } = {}): Promise<RoomPosition> {
    const reply = await this.#ask({ type: "message", room: this.name, data, key });
    return reply.position as RoomPosition;
  }

  /**
   * Change what other members see of this client, and ask for all members. What is not named stays. The client says it
   * again when it joins again. Of very many members it returns those who joined first; `members` gets the others too.
   */
  async update(options: PresenceOptions): Promise<readonly Member[]> {
    const said = plain("presence", options);
    const membership = this.#joined;
    const reply = await this.#ask({ type: "presence", room: this.name, ...said });
    const { users } = reply as unknown as PresenceList;
    // Only what the gateway took: a refused value would be refused at the next join.
    if (membership === this.#joined) {
      this.#about = { ...this.#about, ...said };
      if (this.#mode !== "none") this.#show(users);
    }
    return users;
  }

  /** A page of the room's past, oldest first. */
  async history({ before, limit }: HistoryOptions = {}): Promise<History<T>> {
    const offset = (before as RoomPosition)?.offset ?? before;
    const reply = await this.#ask({ type: "history", room: this.name, before: offset, limit });
    const { messages, more } = reply as unknown as Messages;
    return { messages: messages.map((entry) => ({ ...(entry as Message<T>), replayed: false, gap: false })), more };
  }

  // -- what the client passes on, while the room is one of its parts --------------------------------------------------

  /** @internal */
  pushed(message: WireMessage): void {
    const { type, room, ref, reason } = message;
    if (room !== this.name) return;
    if (type === "message") this.#receive(message as unknown as RoomMessage);
    if (type === "presence") this.#show((message as unknown as PresenceList).users);
    // Without members it is the rest of a long list, which `update` got the begin of.
    if (type === "presence_diff" && this.#mode !== "none") this.#change(message as unknown as PresenceDiff);
    if (type === "gap" || (type === "joined" && ref === undefined)) this.#missed(message as Gap);
    if (type === "left" && ref === undefined) {
      const error = withdrawn(`the membership in room '${room}'${reason ? `: ${reason}` : ""}`);
      if (reason === "unavailable") {
        this.lost();
        this.#later(error);
      } else this.closed(error);
    }
  }

  /** The connection broke. @internal */
  lost(): void {
    if (this.status === "joined") this.#become("behind");
  }

  /** The membership is over; `quiet` if the program ended it. @internal */
  closed(error: TidegateError, quiet = false): void {
    this.#port.parts.delete(this);
    this.#error = error;
    this.#waiting?.reject(error);
    this.#waiting = this.#joined = this.position = undefined;
    this.#about = {};
    this.#replays = 0;
    this.#gap = false;
    this.#become(quiet ? "left" : "error");
    if (this.members.length) this.#show([]);
    if (!quiet) this.#events.emit("error", error);
  }

  /** Join on a new connection. @internal */
  opened(): void {
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
    if (isKnown(this.position, message.position)) return;
    this.position = message.position;
    const replayed = this.#replays > 0;
    if (replayed) this.#replays -= 1;
    const gap = this.#gap;
    this.#gap = false;
    this.#events.emit("message", { ...(message as Message<T>), replayed, gap });
  }

  /** Messages up to `position` are lost. */
  #missed({ dropped, position }: Gap): void {
    this.position = position;
    this.#gap = true;
    this.#events.emit("gap", { dropped, position });
  }

  #show(members: readonly Member[]): void {
    this.members = members;
    this.#events.emit("presence", members);
  }

  #change({ left, joined, changed }: PresenceDiff): void {
    const members = new Map(this.members.map((member) => [member.id, member]));
    for (const { id } of left) members.delete(id);
    for (const member of [...joined, ...changed]) members.set(member.id, member);
    this.#show([...members.values()]);
  }

  #become(status: RoomStatus): void {
    this.status = status;
    this.#events.emit("status", status);
  }

  async #begin({ presence, since, ...about }: JoinOptions): Promise<void> {
    const said = { ...this.#about, ...plain("join", about) };
    if (this.#joined) {
      if (presence && presence !== this.#mode) {
        throw new InvalidOption(`'${this.name}' has presence '${this.#mode}'`);
      }
      const isNew = JSON.stringify(said) !== JSON.stringify(this.#about);
      await this.#joined;
      if (isNew) await this.update(said);
      return;
    }
    this.#about = said;
    this.#mode = presence ?? "diff";
    this.#place = this.#port.link.outstanding.place();
    this.position = since;
    this.#error = this.recovered = undefined;
    const joined = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#joined = joined;
    this.#port.parts.set(this, this);
    this.#become("joining");
    // A listener may have left the room.
    if (this.#port.link.ended) this.closed(this.#port.link.ended, true);
    else if (joined === this.#joined && this.#port.link.status === "open") this.opened();
    return joined;
  }

  #join(request: Omit<Request, "message">): void {
    const message = { type: "join", room: this.name, presence: this.#mode, since: this.position, ...this.#about };
    this.#port.link.request({ ...request, message, place: this.#place });
  }

  #entered(reply: Joined): void {
    const before = this.position;
    this.recovered = reply.recovered;
    this.#replays = reply.replayed;
    if (!reply.recovered || !reply.replayed) this.position = reply.position;
    this.members = reply.users ?? [];
    this.status = "joined";
    this.#waiting?.resolve();
    this.#waiting = undefined;
    // From here on the program hears it, and may leave again.
    // A client at the head missed nothing, even in a room that keeps no history to recover from.
    if (before && !reply.recovered && !isKnown(before, reply.position)) this.#missed(reply);
    this.#show(this.members);
    this.#become(this.status);
  }

  /** A program that waits for the first answer decides what to do; a member across reconnects tries again. */
  #refused(error: TidegateError): void {
    if (!error.retryable || this.#waiting) this.closed(error);
    else this.#later(error);
  }

  /** The gateway cannot let this client in for the moment: join again a little later. */
  #later(refused: TidegateError): void {
    this.#port.link.again(refused, () => {
      if (this.status === "behind") this.opened();
    });
  }

  #notJoined(): ClientClosed {
    return new ClientClosed(`room '${this.name}' is not joined`);
  }

  #ask(message: WireMessage): Promise<WireMessage> {
    if (this.#joined) return this.#port.request(message);
    return Promise.reject(this.#port.link.ended ?? this.#error ?? this.#notJoined());
  }
}
