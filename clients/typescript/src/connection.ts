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
/** A message that was sent is unanswered for so long: there is reason to doubt the connection. */
const DOUBT_MS = 10_000;
const PROBE_MS = 4_000;
/** Browsers throttle timers in background tabs, and none runs while a computer sleeps: timestamps decide, not ticks. */
const TICK_MS = 5_000;
const BROKEN = 1006;
const PROBE = "probe";

/** What the owner of a connection does when something happens on it. */
export interface ConnectionOwner {
  received(message: WireMessage): void;
  ended(ending: Ending): void;
}

export class Connection {
  welcome: Welcome | undefined;
  readonly #socket: Socket;
  readonly #clock: Settings["clock"];
  readonly #owner: ConnectionOwner;
  #goodbye: Goodbye | undefined;
  /** Milliseconds of silence until the other end is taken for dead. */
  #patience = 0;
  /** When the connection is given up, unless the other end is heard before. */
  #deadline: number;
  /** When it is given up in any case. */
  #last = Number.POSITIVE_INFINITY;
  /** When the first message was sent since the other end was heard. */
  #unanswered = Number.POSITIVE_INFINITY;
  #welcomedAt: number | undefined;
  #over = false;
  #timer: unknown;

  /** `deadline`: when the attempt to connect is given up. */
  constructor(socket: Socket, clock: Settings["clock"], deadline: number, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#clock = clock;
    this.#deadline = deadline;
    this.#owner = owner;
    socket.onmessage = (event: { data: unknown }) => this.#received(event.data);
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number; reason?: string }) => this.#end(event.code ?? BROKEN, event.reason);
    this.#watch();
  }

  /** Whether the gateway said goodbye: a new request waits for the next connection. */
  get leaving(): boolean {
    return this.#goodbye !== undefined;
  }

  send(text: string): void {
    this.#unanswered = Math.min(this.#unanswered, this.#clock.now());
    this.#socket.send(text);
  }

  /** Something gives reason to doubt the connection: give it up unless the other end answers soon. */
  probe(): void {
    if (!this.welcome) return;
    this.send(JSON.stringify({ type: "ping", ref: PROBE }));
    this.#unanswered = Number.POSITIVE_INFINITY;
    this.#deadline = Math.min(this.#deadline, this.#clock.now() + PROBE_MS);
    this.#watch();
  }

  /** Close the connection and report nothing more. */
  close(code?: number): void {
    if (this.#stop()) this.#socket.close(code);
  }

  #received(data: unknown): void {
    if (this.#over) return;
    const message = decode(data);
    if (message?.type === "welcome" && !this.#accept(message as unknown as Welcome)) return;
    if (this.#patience) {
      this.#deadline = this.#clock.now() + this.#patience;
      this.#unanswered = Number.POSITIVE_INFINITY;
    }
    if (message?.type === "goodbye") {
      this.#goodbye = message as unknown as Goodbye;
      this.#last = this.#clock.now() + GOODBYE_MS;
    }
    if (message && message.ref !== PROBE) this.#owner.received(message);
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
    this.welcome = welcome;
    this.#welcomedAt = this.#clock.now();
    this.#patience = 2000 * welcome.heartbeat + SILENCE_MS;
    return true;
  }

  #watch(): void {
    const now = this.#clock.now();
    const left = Math.min(this.#deadline, this.#last) - now;
    this.#clock.clearTimeout(this.#timer as never);
    if (left <= 0) this.#abandon();
    else if (now - this.#unanswered >= DOUBT_MS) this.probe();
    else this.#timer = this.#clock.setTimeout(() => this.#watch(), Math.min(left, TICK_MS));
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
    return wasOpen;
  }
}
