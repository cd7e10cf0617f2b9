// What an ability that a program imports by itself, such as live queries, needs of the client and hears from it.
//
// Invariant: the client knows a part only through `Part`, so that a bundle holds no part that the program does not import.

import type { Row, Rows } from "../../../generated/typescript/protocol.js";
import type { TidegateError } from "./errors.js";
import type { Link } from "./link.js";
import type { Options } from "./options.js";
import type { WireMessage, WriteMessage } from "./wire.js";

/** An ability of one client. */
export interface Part {
  /** A connection is open; `another`: as another user, or with other roles, than the one before. */
  opened(another: boolean): void;
  /** A message came that answers no request. */
  pushed(message: WireMessage): void;
  /** The connection broke. */
  lost?(): void;
  /** On an open connection, the gateway takes this client for another user. */
  identityChanged?(): void;
  /** The client has ended; `quiet` if the program closed it. */
  closed(error: TidegateError, quiet: boolean): void;
}

/** What a part, and the functions that a program calls with a client, get from the client. */
export interface ClientPort {
  readonly link: Link;
  readonly options: Options;
  /** Send a request and wait for its reply. */
  request(message: WireMessage): Promise<WireMessage>;
  /** Abilities by their names, and the rooms that the program wants to be in. */
  readonly parts: Map<unknown, Part>;
  /** What shows writes before their answer, where the program imported it. */
  writes?: {
    run(message: WriteMessage, send: () => Promise<Rows>): Promise<Rows>;
    nameOf(resource: string, row: Row): string;
  };
}

/** Where a client has its port. Each copy of this package has the same symbol: `import` and `require` load two copies. */
export const PORT: unique symbol = Symbol.for("tidegate.port") as never;

/** A client, to the functions that take one. */
export interface WithPort {
  [PORT]?: ClientPort;
}

export function portOf(client: object): ClientPort {
  const port = (client as WithPort)[PORT];
  if (!port) throw new TypeError("no client that `connect` made");
  return port;
}
