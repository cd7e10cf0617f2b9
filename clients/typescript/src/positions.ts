// Positions in the change feed {epoch, seq} and in a room's history {epoch, offset}: which of two is further along.
//
// Invariant: positions of two epochs have no order; the gateway says when an old one is of no use.

import type { FeedPosition, RoomPosition } from "../../../generated/typescript/protocol.js";

/** A position in the change feed or in a room's history. */
export type Position = FeedPosition | RoomPosition;

/** Whether `heard` is at or before `own` in the same epoch. */
export function isKnown(own: Position | undefined, heard: Position): boolean {
  return own?.epoch === heard.epoch && count(heard) <= count(own);
}

function count({ seq, offset }: { seq?: number; offset?: number }): number {
  return (seq ?? offset) as number;
}
