// What a program says when it enters a room, and what it gets from one. Only types.

import type {
  PresenceInfo,
  PresenceMode,
  PresenceStatus,
  Principal,
  RoomMessage,
  RoomPosition,
} from "../../../generated/typescript/protocol.js";
import type { ClientPort } from "./part.js";

/** A message of a room. */
export type Message<T> = Omit<RoomMessage, "data"> & {
  data: T;
  /** The client missed it while the connection was broken, or asked for it with `since`. */
  replayed: boolean;
  /** Messages between the one before and this one are lost: the room's history no longer had them. */
  gap: boolean;
};

/** A page of a room's past, oldest first. `more`: there are older messages still. */
export interface History<T> {
  messages: Message<T>[];
  more: boolean;
}

/** What the other members see of this client. */
export interface PresenceOptions {
  status?: PresenceStatus | undefined;
  info?: PresenceInfo | undefined;
}

export interface JoinOptions extends PresenceOptions {
  /** How the gateway reports members: the whole list at each change, what changed, or nothing. */
  presence?: PresenceMode | undefined;
  /** A position of this room from which the gateway replays messages. */
  since?: RoomPosition | undefined;
}

export interface HistoryOptions {
  /** The page ends before this offset, or before the message with this position. */
  before?: number | RoomPosition | undefined;
  limit?: number | undefined;
}

/**
 * `joining`: the first answer is not there. `behind`: the connection is broken, or the gateway cannot let the client in
 * again yet. `error`: refused, or ended by the gateway. `left`: not joined, or left.
 */
export type RoomStatus = "joining" | "joined" | "behind" | "error" | "left";

/** Messages are lost up to `position`; `dropped`: how many, where the gateway said it. */
export interface Gap {
  dropped?: number | undefined;
  position?: RoomPosition | undefined;
}

/** What a room needs of its client. */
export interface RoomPort extends ClientPort {
  user(): Principal | undefined;
}
