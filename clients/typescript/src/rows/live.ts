// `LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them.
//
// Which subscription feeds it is the concern of `queries`, which rows it shows that of `window`.
// Invariant: a live query that is closed calls no listener, and its rows stay as they were.

import type { FeedPosition } from "../../../../generated/typescript/protocol.js";
import { Emitter } from "../emitter.js";
import { ClientClosed, type TidegateError } from "../errors.js";
import type { Change, LiveStatus, Since } from "./query.js";
import type { Subscription } from "./subscription.js";
import type { Window } from "./window.js";

interface Events<R> {
  /** The rows changed, or `hasMore`; one event a turn, however many changes came. */
  change: readonly R[];
  /** Each change, in order, also to rows beyond the limit. */
  update: Change<R>;
  /** The gateway refused the query or ended it; after a `retryable` refusal the client asks again. */
  error: TidegateError;
  status: LiveStatus;
}

interface Waiting {
  resolve(): void;
  reject(error: TidegateError): void;
}

export class LiveQuery<R> {
  readonly #subscription: Subscription<R & object>;
  readonly #window: Window<R & object>;
  readonly #release: () => void;
  readonly #events = new Emitter<Events<R>>();
  readonly #stops: (() => void)[];
  #waiting: Waiting[] = [];
  #version = -1;
  /** What the listeners know. */
  #told: { rows?: readonly R[]; hasMore?: boolean; status: LiveStatus };
  #open = true;

  /** A program gets one from `subscribe`. */
  constructor(subscription: Subscription<R & object>, window: Window<R & object>, release: () => void) {
    this.#subscription = subscription;
    this.#window = window;
    this.#release = release;
    this.#told = { status: subscription.status };
    this.#stops = [
      subscription.on("touched", () => this.#tell()),
      subscription.on("update", (change) => this.#events.emit("update", change)),
      subscription.on("error", (error) => this.#failed(error, error.retryable)),
      subscription.on("closed", (error) => this.#settle((waiting) => waiting.reject(error))),
    ];
    if (subscription.ready) subscription.touch();
  }

  get resource(): string {
    return this.#subscription.query.resource;
  }

  /** The rows as they are now: the same array until something in it changed. */
  get rows(): readonly R[] {
    return this.#look().rows;
  }

  /** Whether rows beyond `limit` match. */
  get hasMore(): boolean {
    return this.#look().hasMore;
  }

  /** Whether the rows are there. */
  get ready(): boolean {
    return this.#subscription.ready;
  }

  get status(): LiveStatus {
    return this.#subscription.status;
  }

  /** Where the rows are in the change feed; undefined while they load. */
  get position(): FeedPosition | undefined {
    return this.#subscription.position;
  }

  /** What `subscribe({ since })` takes to go on from here; undefined while the rows load. */
  get since(): Since | undefined {
    return this.#subscription.since;
  }

  /** What refused or ended this query; undefined while it lives. */
  get error(): TidegateError | undefined {
    return this.#subscription.error;
  }

  /** Wait until the rows are there. Rejects with what ended the query, if that came first. */
  async loaded(): Promise<this> {
    if (!this.#open) throw closed(this.resource);
    if (this.error) throw this.error;
    if (!this.ready) await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    return this;
  }

  /** Listen; returns the function that stops it. A listener that comes later than the rows gets them at once. */
  on<K extends keyof Events<R>>(event: K, listener: (value: Events<R>[K]) => void): () => void {
    if (!this.#open) return () => {};
    let listening = true;
    const stop = this.#events.on(event, listener);
    if (event === "change" && this.#told.rows) {
      queueMicrotask(() => listening && listener(this.rows as Events<R>[K]));
    }
    return () => {
      listening = false;
      stop();
    };
  }

  /** Let go of the rows; the gateway hears it a moment later, if no equal live query came meanwhile. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#look();
    this.#open = false;
    for (const stop of this.#stops) stop();
    this.#settle((waiting) => waiting.reject(closed(this.resource)));
    this.#release();
  }

  #look(): Window<R & object> {
    const { version } = this.#subscription;
    if (this.#open && version !== this.#version) {
      this.#version = version;
      this.#window.show(this.#subscription.shown.values());
    }
    return this.#window;
  }

  #tell(): void {
    const { ready, status } = this;
    const { rows, hasMore } = this.#look();
    const told = this.#told;
    this.#told = { status, rows: ready || told.rows ? rows : undefined, hasMore };
    if (ready) this.#settle((waiting) => waiting.resolve());
    if (status !== told.status) this.#events.emit("status", status);
    if (this.#told.rows !== told.rows || (told.rows && hasMore !== told.hasMore)) this.#events.emit("change", rows);
  }

  #failed(error: TidegateError, isTemporary: boolean): void {
    if (!isTemporary) this.#settle((waiting) => waiting.reject(error));
    this.#events.emit("error", error);
  }

  #settle(settle: (waiting: Waiting) => void): void {
    for (const waiting of this.#waiting.splice(0)) settle(waiting);
  }
}

function closed(resource: string): ClientClosed {
  return new ClientClosed(`the live query of '${resource}' is closed`);
}
