// The client's copy of the rows of one subscription, kept equal to what the gateway would answer to the same filter.
//
// Invariant: `rows` never shows half a snapshot, and its array is the same object until something in it changed.

import type {
  FeedPosition,
  Filters,
  Row,
  Snapshot,
  Subscribed,
  SubscribeRequest,
  Update,
} from "../../../generated/typescript/protocol.js";
import { Emitter } from "./emitter.js";
import type { TidegateError } from "./errors.js";
import type { Link, Message } from "./link.js";

export interface Change<R> {
  action: "create" | "update" | "delete" | "reset";
  /** The row; for `delete` only its key; nothing for `reset`. */
  data?: R | Row;
  cause?: "create" | "update" | "delete";
  /** The idempotency key of the mutation, if this user made it. */
  origin?: string;
}

interface Events<R> {
  /** The rows changed; told once a turn, however many changes came. */
  change: readonly R[];
  /** Each change by itself, in order. */
  update: Change<R>;
  error: TidegateError;
}

/** What a query is about; equal queries of one client share one subscription. */
export interface Query {
  resource: string;
  filters?: Filters | undefined;
  fields?: string[] | undefined;
}

export class Live<R extends object = Row> {
  readonly query: Query;
  /** The id of the subscription on this line; of no meaning on another. */
  subscription: string | undefined;
  readonly #link: Link;
  readonly #events = new Emitter<Events<R>>();
  readonly #live: (live: Live<R>, subscription: string) => void;
  #keyNames: string[] = ["id"];
  #byKey = new Map<string, R>();
  #rows: readonly R[] = [];
  #staged: R[] | undefined;
  #position: FeedPosition | undefined;
  #snapshotPosition: FeedPosition | undefined;
  #ready = false;
  #announced = false;
  #closed = false;

  constructor(link: Link, query: Query, subscribed: (live: Live<R>, subscription: string) => void) {
    this.#link = link;
    this.query = query;
    this.#live = subscribed;
  }

  /** The rows that match, in the order in which they came into the subscription. */
  get rows(): readonly R[] {
    return this.#rows;
  }

  /** Whether the first snapshot is complete. */
  get ready(): boolean {
    return this.#ready;
  }

  on<K extends keyof Events<R>>(event: K, listener: (value: Events<R>[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** Ask the gateway: from where this copy is, or for a snapshot. Called on every new line. */
  subscribe(): void {
    this.subscription = undefined;
    this.#staged = undefined;
    const message: SubscribeRequest = { type: "subscribe", resource: this.query.resource, snapshot: true };
    if (this.query.filters && Object.keys(this.query.filters).length > 0) message.filters = this.query.filters;
    if (this.query.fields) message.fields = this.query.fields;
    if (this.#position) message.since = this.#position;
    this.#link.request({
      message: message as unknown as Message,
      repeatable: false,
      replied: (reply) => this.#subscribed(reply as unknown as Subscribed),
      failed: (error) => {
        // A line that broke is followed by another `subscribe`; a refusal is for the program.
        if (!error.retryable) this.#events.emit("error", error);
      },
    });
  }

  unsubscribe(): void {
    this.#closed = true;
    if (this.subscription && this.#link.status === "open") {
      this.#link.send({ type: "unsubscribe", subscription: this.subscription });
    }
  }

  /** A page of a snapshot; the gateway may begin one at any time. */
  page(page: Snapshot): void {
    if (page.reset) this.#staged = [];
    this.#staged?.push(...(page.rows as R[]));
    if (!page.done || !this.#staged) return;
    this.#byKey = new Map(this.#staged.map((row) => [this.#key(row), row]));
    this.#staged = undefined;
    this.#position = this.#snapshotPosition ?? this.#position;
    this.#ready = true;
    this.#changed({ action: "reset" });
  }

  update(update: Update): void {
    this.#position = update.position;
    const data = update.data as R;
    if (update.action === "delete") {
      this.#learnKey(data);
      this.#byKey.delete(this.#key(data));
    } else {
      this.#byKey.set(this.#key(data), data);
    }
    const change: Change<R> = { action: update.action, data };
    if (update.cause) change.cause = update.cause;
    if (update.origin) change.origin = update.origin;
    this.#changed(change);
  }

  /** Everything up to `position` has come on this line; it counts only for a copy that is complete. */
  reached(position: FeedPosition): void {
    if (this.subscription && this.#ready && !this.#staged) this.#position = position;
  }

  #subscribed(reply: Subscribed): void {
    if (this.#closed) {
      this.#link.send({ type: "unsubscribe", subscription: reply.subscription });
      return;
    }
    this.subscription = reply.subscription;
    if (reply.mode === "snapshot") this.#snapshotPosition = reply.position;
    else {
      this.#position = reply.position;
      this.#ready = true;
    }
    this.#live(this, reply.subscription);
  }

  #changed(change: Change<R>): void {
    this.#events.emit("update", change);
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      this.#rows = Object.freeze([...this.#byKey.values()]);
      this.#events.emit("change", this.#rows);
    });
  }

  #key(row: object): string {
    const values = row as Row;
    return JSON.stringify(this.#keyNames.map((name) => values[name]));
  }

  /** What a `delete` carries is exactly the key, whatever its properties are called. */
  #learnKey(data: object): void {
    const names = Object.keys(data).sort();
    if (names.join("\n") === this.#keyNames.join("\n")) return;
    this.#keyNames = names;
    this.#byKey = new Map([...this.#byKey.values()].map((row) => [this.#key(row), row]));
  }
}

/** A name for what a query is about: equal for equal queries, whatever the order of their properties. */
export function queryKey(query: Query): string {
  const filters = Object.entries(query.filters ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([query.resource, filters, query.fields ? [...query.fields].sort() : null]);
}
