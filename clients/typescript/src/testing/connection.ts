// One connection of a client to a fake gateway: a WebSocket class whose other end is in the same program.
//
// Invariant: messages arrive in their order, each in another microtask, as from a network but without its time.

import type { Principal } from "../../../../generated/typescript/protocol.js";
import type { Socket } from "../options.js";
import type { WireMessage } from "../wire.js";

/** What a fake gateway does with its connections. */
export interface Other {
  /** The user of a connection with this token. */
  user(token: string | undefined): Principal;
  created(connection: FakeConnection): void;
  opened(connection: FakeConnection): void;
  received(connection: FakeConnection, message: WireMessage): void;
  ended(connection: FakeConnection): void;
}

/** One connection, as a test sees it. */
export class FakeConnection implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly id: string;
  /** The token that the client connected with. */
  readonly token: string | undefined;
  /** The user of the connection. */
  user: Principal;
  readonly #gateway: Other;
  #state: "connecting" | "open" | "closed" = "connecting";

  constructor(protocols: string[] = [], gateway: Other) {
    this.#gateway = gateway;
    this.token = protocols.find((each) => each.startsWith("bearer."))?.slice(7);
    this.user = gateway.user(this.token);
    this.id = `c-${this.user.id}-${Math.random().toString(36).slice(2)}`;
    gateway.created(this);
    queueMicrotask(() => {
      if (this.#state !== "connecting") return;
      this.#state = "open";
      this.onopen?.({} as never);
      this.#gateway.opened(this);
    });
  }

  /** Whether the client is connected. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Send a message to the client. */
  push(type: string, fields: object = {}): void {
    const data = JSON.stringify({ type, ...fields });
    queueMicrotask(() => this.#state === "open" && this.onmessage?.({ data } as never));
  }

  /** End the connection, as the gateway does with `code`; 1006 is a broken line. */
  drop(code = 1006, reason = ""): void {
    if (this.#state === "closed") return;
    const wasOpen = this.open;
    this.#state = "closed";
    queueMicrotask(() => this.onclose?.({ code, reason, wasClean: code !== 1006 } as never));
    if (wasOpen) this.#gateway.ended(this);
  }

  // -- the client's side ------------------------------------------------------------------------------------------------

  send(data: string): void {
    const message = JSON.parse(data) as WireMessage;
    queueMicrotask(() => this.#state === "open" && this.#gateway.received(this, message));
  }

  close(code = 1000, reason = ""): void {
    this.drop(code, reason);
  }
}
