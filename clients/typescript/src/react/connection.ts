// How the connection of a client is.

import type { Principal } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { TidegateError } from "../errors.js";
import type { Status } from "../link.js";
import { portOf } from "../part.js";
import { storeOf } from "./store.js";

/** The connection itself; errors of requests, rooms and queries are told where they were met. */
export interface ConnectionState {
  readonly status: Status;
  readonly user: Principal | undefined;
  /** What ended the connection, or keeps the client from connecting. */
  readonly error: TidegateError | undefined;
}

export const CONNECTING: ConnectionState = { status: "connecting", user: undefined, error: undefined };

export function connectionStore(client: Client) {
  const read = () => ({ status: client.status, user: client.user, error: portOf(client).link.ended });
  return storeOf(CONNECTING, ({ set }) => {
    set(read());
    return client.on("status", ({ error }) => set({ ...read(), ...(error && { error }) }));
  });
}
