// One WebSocket connection, from its opening handshake to its end.
//
// It knows `welcome`, `goodbye` and when a message last came; what other messages mean is not its concern, and it
// retries nothing. Invariant: it reports its end exactly once, or not at all after `close`.

import { type Goodbye, PROTOCOL_VERSION, type Welcome } from "../../../generated/typescript/protocol.js";
import type { Ending } from "./backoff.js";
import type { Settings, Socket } from "./options.js";
import { decode, type WireMessage } from "./wire.js";

const SILENCE_MS = 5_000;
const GOODBYE_MS = 15_000;
/** A message is unanswered for so long, or for a third of the timeout: there is reason to doubt the connection. */
const DOUBT_MS = 10_000;
const PROBE_MS = 4_000;
/** Browsers throttle timers in background tabs, and none runs while a computer sleeps: timestamps decide, not ticks. */
const TICK_MS = 5_000;
/** How a browser names the end of a line without a close frame. */
export const BROKEN = 1006;
const PROBE = "probe";
const PING = '{"type":"ping","ref":"probe"}';

/** What the owner of a connection does when something happens on it. */
export interface ConnectionOwner {
  received(message: WireMessage): void;
  ended(ending: Ending): void;
}

export class Connection {
  declare welcome: Welcome | undefined;
  readonly #socket: Socket;
  readonly #clock: Settings["clock"];
  readonly #owner: ConnectionOwner;
  declare goodbye: Goodbye | undefined;
  readonly #doubt: number;
  /** Milliseconds that each message of the other end adds to the life of the connection: none before `welcome`. */
  #patience = 0;
  /** When the connection is given up. */
  #deadline: number;
  /** When the first message was sent since the other end was heard. */
  #askedAt: number | undefined;
  #welcomedAt: number | undefined;
  #over = false;
  #timer: unknown;

  /** `deadline`: when the attempt to connect is given up. */
  constructor(socket: Socket, { clock, requestTimeout }: Settings, deadline: number, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#clock = clock;
    this.#doubt = Math.min(DOUBT_MS, (requestTimeout * 1000) / 3);
    this.#deadline = deadline;
    this.#owner = owner;
    socket.onmessage = (event: { data: unknown }) => this.#received(event.data);
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number; reason?: string }) => this.end(event);
    this.#watch();
  }

  send(text: string): void {
    try {
      this.#socket.send(text);
    } catch {
      queueMicrotask(() => this.end({})); // a socket that accepts nothing is broken; first let the caller finish
    }
    if (this.#askedAt !== undefined) return;
    this.#askedAt = this.#clock.now();
    this.#watch();
  }

  /** Something gives reason to doubt the connection: give it up unless the other end answers soon. */
  probe(): void {
    if (!this.welcome) return;
    this.send(PING);
    this.#askedAt = undefined;
    this.#deadline = Math.min(this.#deadline, this.#clock.now() + PROBE_MS);
    this.#watch();
  }

  /** Close the connection and report nothing more. */
  close(code?: number): void {
    this.#over = true;
    this.#clock.clearTimeout(this.#timer as never);
    this.#socket.close(code);
  }

  #received(data: unknown): void {
    if (this.#over) return;
    const message = decode(data);
    if (message?.type === "welcome") {
      const { protocol, heartbeat } = message as unknown as Welcome;
      if (protocol !== PROTOCOL_VERSION) {
        this.end({ reason: `the gateway has protocol ${protocol}`, refused: true });
        return;
      }
      this.welcome = message as unknown as Welcome;
      this.#welcomedAt = this.#clock.now();
      this.#patience = 2000 * heartbeat + SILENCE_MS;
    }
    this.#askedAt = undefined;
    if (this.#patience) this.#deadline = this.#clock.now() + this.#patience;
    if (message?.type === "goodbye") {
      this.goodbye = message as unknown as Goodbye;
      this.#patience = 0;
      this.#deadline = this.#clock.now() + GOODBYE_MS;
    }
    if (message && message.ref !== PROBE) this.#owner.received(message);
  }

  #watch(): void {
    const now = this.#clock.now();
    const left = this.#deadline - now;
    const trusted = this.#askedAt === undefined ? TICK_MS : this.#askedAt + this.#doubt - now;
    this.#clock.clearTimeout(this.#timer as never);
    if (left <= 0) this.end({});
    else if (trusted <= 0) this.probe();
    else this.#timer = this.#clock.setTimeout(() => this.#watch(), Math.min(left, trusted, TICK_MS));
  }

  /** The connection is over, or given up because the other end does not answer. */
  end({ code = BROKEN, reason, refused }: Ending): void {
    if (this.#over) return;
    this.close();
    const goodbye = this.goodbye;
    this.#owner.ended({
      code: code === BROKEN && goodbye ? goodbye.code : code,
      reason: reason || goodbye?.reason,
      retryAfter: goodbye?.retry_after,
      lived: this.#welcomedAt && this.#clock.now() - this.#welcomedAt,
      refused,
    });
  }
}
