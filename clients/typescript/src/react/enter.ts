// Being in a room, for as long as one component of the page wants it.
//
// Invariant: a room that the program itself joined stays joined when the last component leaves it.

import type { Client } from "../client.js";
import { ClientClosed, type TidegateError } from "../errors.js";
import type { JoinOptions } from "../membership.js";
import type { Room } from "../room.js";
import { all, heldOf, hold } from "./store.js";

const RETRY_AFTER_S = 1;

/** A room's name, or none. */
export type Name = string | null | undefined;

/**
 * Be in a room; returns it, and what ends that. `refused`: the gateway refused this client, or ended the membership; after a
 * temporary refusal it is asked again.
 */
export function enter(
  client: Client,
  name: string,
  { status, info, presence }: JoinOptions,
  refused: (error: TidegateError) => void = () => {},
) {
  const [room, release] = hold<Room>(heldOf(client), `room ${name}`, () => {
    const found = client.room(name);
    return [found, /left|error/.test(found.status) ? () => found.leave() : () => {}];
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const join = () => {
    room.join({ status, info, presence }).catch((error) => {
      if (!(error instanceof ClientClosed)) refused(error);
    });
  };
  const stop = room.on("error", (error) => {
    refused(error);
    clearTimeout(timer);
    if (error.retryable) timer = setTimeout(join, 1000 * (error.retryAfter ?? RETRY_AFTER_S) * (1 + Math.random()));
  });
  join();
  return [room, all(stop, () => clearTimeout(timer), release)] as const;
}
