// Being in a room, for as long as one component of the page wants it.
//
// Invariant: a room that the program itself joined stays joined when the last component leaves it.

import type { Client } from "../client.js";
import type { TidegateError } from "../errors.js";
import type { JoinOptions } from "../membership.js";
import type { Room } from "../room.js";
import { all, heldOf, hold } from "./store.js";

const RETRY_AFTER_S = 1;

/** A room's name, or none. */
export type Name = string | null | undefined;

/**
 * Be in a room; returns what ends that. `refused`: the gateway refused this client, or ended the membership; after a
 * temporary refusal it is asked again.
 */
export function enter(
  client: Client,
  room: Room<never>,
  { status, info, presence }: JoinOptions,
  refused: (error: TidegateError) => void,
): () => void {
  const [, release] = hold(heldOf(client), `room ${room.name}`, () => [
    room,
    /left|error/.test(room.status) ? () => room.leave() : () => {},
  ]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const join = () => {
    room.join({ status, info, presence }).catch(refused);
  };
  const stop = room.on("error", (error) => {
    refused(error);
    clearTimeout(timer);
    if (error.retryable) timer = setTimeout(join, 1000 * (error.retryAfter ?? RETRY_AFTER_S) * (1 + Math.random()));
  });
  join();
  return all(stop, () => clearTimeout(timer), release);
}
