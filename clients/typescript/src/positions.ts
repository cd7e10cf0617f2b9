// Which of two places in the change feed or in a room's history is further along.
//
// Invariant: a position never moves to another epoch by advancing; the gateway says when an old one is of no use.

import type { FeedPosition, RoomPosition } from "../../../generated/typescript/protocol.js";

type Position = FeedPosition | RoomPosition;

/** Whether everything up to `heard` is known to whoever is at `own`. */
export function isKnown(own: Position | undefined, heard: Position): boolean {
  return own !== undefined && own.epoch === heard.epoch && count(heard) <= count(own);
}

/** The further one of both; `own` where `heard` belongs to another epoch. */
export function advance<P extends Position>(own: P | undefined, heard: P): P {
  if (!own) return heard;
  return own.epoch === heard.epoch && !isKnown(own, heard) ? heard : own;
}

function count(position: Position): number {
  return "seq" in position ? position.seq : position.offset;
}
