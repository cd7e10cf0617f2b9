// Over what the client connects: a WebSocket, or a stream of events where WebSockets are blocked.
//
// Invariant: a stream of events is tried only right after a WebSocket that did not come about, or where one worked last: a
// gateway that is away never makes a client give up WebSockets.

import { Kept } from "./kept.js";
import type { Settings } from "./options.js";
import type { EventSocket } from "./sse/index.js";

/** WebSockets in a row without `welcome`, after which a stream of events is tried. */
const BLOCKED = 2;

export class Transport {
  readonly #settings: Settings;
  /** Called when a WebSocket comes about beside a stream; undefined where the client does not choose by itself. */
  readonly unblocked: (() => void) | undefined;
  /** Not empty where a stream of events worked last, also on the page before. */
  readonly #kept: Kept;
  /** WebSockets in a row without `welcome`. */
  #failures = 0;

  constructor(settings: Settings, url: string) {
    this.#settings = settings;
    this.#kept = new Kept("local", "tidegate.sse", url);
    if (settings.transport === "auto" && !settings.WebSocket) {
      if (this.#kept.text) this.#failures = BLOCKED;
      this.unblocked = () => this.worked(false);
    }
  }

  /** Whether the present connection, or the next one, is a stream of events. */
  get events(): boolean {
    return this.#failures === BLOCKED || this.#settings.transport === "sse";
  }

  /** What makes the next connection, if it is a stream of events. Throws where the program chose it and it does not load. */
  async load(): Promise<typeof EventSocket | undefined> {
    try {
      if (this.events) return (await import("./sse/index.js")).EventSocket;
    } catch (error) {
      // The files of an older version of the page may be gone.
      if (!this.unblocked) throw error;
      this.failed();
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
    this.#failures = events ? BLOCKED : 0;
    if (this.unblocked && !events !== !this.#kept.text) this.#kept.keep(events ? "sse" : "");
  }

  /** An attempt ended without a `welcome`. Returns whether the next one is a stream of events, at once. */
  failed(): boolean {
    if (!this.unblocked) return false;
    // After events that do not come about, WebSockets are counted from the start.
    this.#failures = (this.#failures + 1) % (BLOCKED + 1);
    return this.events;
  }
}
