// `LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them.
//
// Which subscription feeds it is the concern of `queries`. Invariant: a live query that is closed calls no listener.

import type { FeedPosition } from "../../../../generated/typescript/protocol.js";
import { ClientClosed, type TidegateError } from "../errors.js";
import type { SubscriptionEvents } from "./query.js";
import type { Subscription } from "./subscription.js";

type Events<R> = Omit<SubscriptionEvents<R>, "closed">;

export class LiveQuery<R> {
  readonly #subscription: Subscription<R & object>;
  readonly #release: () => void;
  readonly #stops = new Set<() => void>();
  readonly #loading = new Set<(error: TidegateError) => void>();
  #open = true;

  /** A program gets one from `subscribe`. */
  constructor(subscription: Subscription<R & object>, release: () => void) {
    this.#subscription = subscription;
    this.#release = release;
  }

  get resource(): string {
    return this.#subscription.query.resource;
  }

  /** The rows as they are now: the same array until something in it changed. */
  get rows(): readonly R[] {
    return this.#subscription.rows;
  }

  /** Whether the rows are there. */
  get ready(): boolean {
    return this.#subscription.ready;
  }

  /** Where the rows are in the change feed; undefined while they load. */
  get position(): FeedPosition | undefined {
    return this.#subscription.position;
  }

  /** What refused or ended this query; undefined while it lives. */
  get error(): TidegateError | undefined {
    return this.#subscription.error;
  }

  /** Wait until the rows are there. Rejects with what ended the query, if that came first. */
  loaded(): Promise<this> {
    if (!this.#open) return Promise.reject(closed(this.resource));
    if (this.error) return Promise.reject(this.error);
    if (this.ready) return Promise.resolve(this);
    return new Promise((resolve, reject) => {
      const stops: (() => void)[] = [];
      const end = (settle: () => void) => {
        for (const stop of stops) stop();
        this.#loading.delete(fail);
        settle();
      };
      const fail = (error: TidegateError) => end(() => reject(error));
      this.#loading.add(fail);
      stops.push(
        this.#subscription.on("update", () => this.ready && end(() => resolve(this))),
        this.#subscription.on("error", (error) => error.retryable || fail(error)),
        this.#subscription.on("closed", fail),
      );
    });
  }

  /** Listen; returns the function that stops it. */
  on<K extends keyof Events<R>>(event: K, listener: (value: Events<R>[K]) => void): () => void {
    if (!this.#open) return () => {};
    const stop = this.#subscription.on(event, listener as never);
    this.#stops.add(stop);
    return stop;
  }

  /** Unsubscribe, unless an equal live query of this client is still open. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const stop of this.#stops) stop();
    for (const fail of [...this.#loading]) fail(closed(this.resource));
    this.#release();
  }
}

function closed(resource: string): ClientClosed {
  return new ClientClosed(`the live query of '${resource}' is closed`);
}
