// Over what the client connects: a WebSocket, or a stream of events where WebSockets are blocked.
//
// Invariant: a stream of events is tried only right after a WebSocket that did not come about, or where one worked last: a
// gateway that is away never makes a client give up WebSockets.

import { Kept } from "./kept.js";
import type { Settings } from "./options.js";

/** WebSockets in a row without `welcome`, after which a stream of events is tried. */
const BLOCKED = 2;

export class Transport {
  /** Whether the present connection, or the next one, is a stream of events. */
  events: boolean;
  readonly #settings: Settings;
  /** Called when a WebSocket comes about beside a stream; undefined where the client does not choose by itself. */
  readonly unblocked: (() => void) | undefined;
  /** Not empty where a stream of events worked last, also on the page before. */
  readonly #kept: Kept;
  #failures = 0;

  constructor(settings: Settings, url: string) {
    this.#settings = settings;
    this.#kept = new Kept("local", "tidegate.sse", url);
    this.events = settings.transport === "sse";
    if (settings.transport === "auto" && !settings.WebSocket) {
      this.events = !!this.#kept.text;
      this.unblocked = () => this.worked(false);
    }
  }

  /** When a connection that is made now is given up; `deadline`: when the attempt is. */
  deadline(deadline: number): number {
    const { clock, openTimeout } = this.#settings;
    // Some proxies swallow what they do not let through.
    return this.unblocked && !this.events ? Math.min(deadline, clock.now() + openTimeout * 500) : deadline;
  }

  /** A `welcome` came. */
  worked(events = this.events): void {
    this.#failures = 0;
    this.events = events;
    if (this.unblocked && !events !== !this.#kept.text) this.#kept.keep(events ? "sse" : "");
  }

  /** An attempt ended without a `welcome`. Returns whether the next one is a stream of events, at once. */
  failed(): boolean {
    if (!this.unblocked) return false;
    this.#failures = this.events ? 0 : this.#failures + 1;
    this.events = this.#failures === BLOCKED;
    return this.events;
  }
}
