// One WebSocket connection, from its opening handshake to its end.
//
// It knows `welcome`, `goodbye` and when a message last came; what other messages mean is not its concern, and it
// retries nothing. Invariant: it reports its end exactly once, or not at all after `close`.

import { type Goodbye, PROTOCOL_VERSION, type Welcome } from "../../../generated/typescript/protocol.js";
import type { Ending } from "./backoff.js";
import type { Settings, Socket } from "./options.js";
import { decode, type WireMessage } from "./wire.js";

const SILENCE_S = 5;
const GOODBYE_S = 15;
const BROKEN = 1006;

/** What the owner of a connection does when something happens on it. */
export interface ConnectionOwner {
  received(message: WireMessage): void;
  ended(ending: Ending): void;
}

export class Connection {
  welcome: Welcome | undefined;
  /** Whether the gateway said goodbye: a new request waits for the next connection. */
  leaving = false;
  readonly #socket: Socket;
  readonly #clock: Settings["clock"];
  readonly #owner: ConnectionOwner;
  #goodbye: Goodbye | undefined;
  #heardAt: number;
  #welcomedAt: number | undefined;
  #over = false;
  #timer: unknown;
  #leaveTimer: unknown;

  constructor(socket: Socket, settings: Settings, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#clock = settings.clock;
    this.#owner = owner;
    this.#heardAt = this.#clock.now();
    this.#timer = this.#clock.setTimeout(() => this.#abandon(), settings.openTimeout * 1000);
    socket.onmessage = (event: { data: unknown }) => this.#received(event.data);
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number; reason?: string }) => this.#end(event.code ?? BROKEN, event.reason);
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** Close the connection and report nothing more. */
  close(code?: number): void {
    if (this.#stop()) this.#socket.close(code);
  }

  #received(data: unknown): void {
    if (this.#over) return;
    this.#heardAt = this.#clock.now();
    const message = decode(data);
    if (!message) return;
    if (message.type === "welcome") {
      const welcome = message as unknown as Welcome;
      if (!this.#accept(welcome)) return;
      this.welcome = welcome;
    } else if (message.type === "goodbye") {
      this.#goodbye = message as unknown as Goodbye;
      this.leaving = true;
      this.#clock.clearTimeout(this.#leaveTimer as never);
      this.#leaveTimer = this.#clock.setTimeout(() => this.#abandon(), GOODBYE_S * 1000);
    }
    this.#owner.received(message);
  }

  /** Whether the gateway speaks this client's version of the protocol. */
  #accept(welcome: Welcome): boolean {
    const version: number = welcome.protocol ?? PROTOCOL_VERSION;
    if (version !== PROTOCOL_VERSION) {
      const reason = `the gateway speaks protocol ${version}, this client ${PROTOCOL_VERSION}`;
      this.close();
      this.#owner.ended({ reason, refused: true });
      return false;
    }
    this.#welcomedAt = this.#clock.now();
    this.#clock.clearTimeout(this.#timer as never);
    this.#watchSilence((2 * welcome.heartbeat + SILENCE_S) * 1000);
    return true;
  }

  /** Browsers throttle timers in background tabs: timestamps decide, not ticks. */
  #watchSilence(allowed: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#clock.now() - this.#heardAt > allowed) this.#abandon();
      else this.#watchSilence(allowed);
    }, allowed / 4);
  }

  /** Give up a connection whose other end does not answer. */
  #abandon(): void {
    const ending = this.#ending(BROKEN, undefined);
    this.close();
    this.#owner.ended(ending);
  }

  #end(code: number, reason: string | undefined): void {
    const ending = this.#ending(code, reason);
    if (this.#stop()) this.#owner.ended(ending);
  }

  #ending(code: number, reason: string | undefined): Ending {
    return {
      code: code === BROKEN && this.#goodbye ? this.#goodbye.code : code,
      reason: reason || this.#goodbye?.reason,
      retryAfter: this.#goodbye?.retry_after,
      lived: this.#welcomedAt === undefined ? undefined : this.#clock.now() - this.#welcomedAt,
    };
  }

  #stop(): boolean {
    const wasOpen = !this.#over;
    this.#over = true;
    this.#clock.clearTimeout(this.#timer as never);
    this.#clock.clearTimeout(this.#leaveTimer as never);
    return wasOpen;
  }
}
