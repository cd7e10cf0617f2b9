// Over what the next attempt to connect goes: a WebSocket, or a stream of events where WebSockets are blocked.
//
// Pure but for the clock. Invariant: a stream of events is tried only right after a WebSocket that did not come about, or
// where one worked lately: a gateway that is away never makes a client give up WebSockets.

import type { Settings } from "./options.js";

/** WebSockets in a row without `welcome`, after which a stream of events is tried. */
const BLOCKED = 2;
/** How long a stream of events that worked is the first choice. */
const REMEMBERED_MS = 600_000;

export class Transport {
  readonly #settings: Settings;
  #failures = 0;
  /** Until when streams of events are the first choice. */
  #until = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get #chooses(): boolean {
    return this.#settings.transport === "auto" && !this.#settings.WebSocket;
  }

  /** Whether the next attempt is a stream of events. */
  get events(): boolean {
    const { transport, clock } = this.#settings;
    return transport === "sse" || (this.#chooses && (this.#failures === BLOCKED || clock.now() < this.#until));
  }

  /** When a connection that is made now is given up; `deadline`: when the attempt is. */
  deadline(deadline: number): number {
    const { clock, openTimeout } = this.#settings;
    // Some proxies swallow what they do not let through.
    return this.#chooses && !this.events ? Math.min(deadline, clock.now() + openTimeout * 500) : deadline;
  }

  /** An attempt ended in a `welcome`. */
  worked(events: boolean): void {
    this.#failures = 0;
    this.#until = events ? this.#settings.clock.now() + REMEMBERED_MS : 0;
  }

  /** An attempt ended without a `welcome`. Returns whether the next one is a stream of events, at once. */
  failed(events: boolean): boolean {
    this.#failures = events ? 0 : this.#failures + 1;
    this.#until = 0;
    return !events && this.events;
  }
}
