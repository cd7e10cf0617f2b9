// One subscription: the client's copy of its rows, kept equal to what the gateway would answer to the same filter.
//
// Invariants: `rows` never shows half a snapshot, and is the same array until something in it changed; the position is
// only ever one at which the copy was complete, so that it may always be given back as `since`.

import type {
  FeedPosition,
  Row,
  RowKey,
  Snapshot,
  Subscribed,
  SubscribeRequest,
  Update,
} from "../../../../generated/typescript/protocol.js";
import { Emitter } from "../emitter.js";
import { TidegateError, withdrawn } from "../errors.js";
import type { Link } from "../link.js";
import { advance, isKnown } from "../positions.js";
import type { WireMessage } from "../wire.js";
import type { Change, Query, SubscriptionEvents } from "./query.js";

/** Which copies hold which subscription; `Queries` keeps it. */
export interface SubscriptionIndex {
  /** `subscription` has the id `id`. Returns a copy that had it before: the gateway starts nothing for an equal one. */
  adopt(subscription: Subscription<never>, id: string): Subscription<never> | undefined;
  /** The answer to a `subscribe` came, whatever it was. */
  answered(): void;
  /** `subscription` cannot go on with what the gateway sends. */
  giveUp(subscription: Subscription<never>): void;
}

export class Subscription<R extends object = Row> {
  readonly query: Query;
  /** The gateway's id of it on the present connection; it means nothing on another. */
  id: string | undefined;
  /** Whether the gateway's answer to `subscribe` is still to come. */
  asking = false;
  /** What refused or ended it, until the client asks again. */
  error: TidegateError | undefined;
  readonly #link: Link;
  readonly #index: SubscriptionIndex;
  readonly #key: readonly string[];
  readonly #events = new Emitter<SubscriptionEvents<R>>();
  #byKey = new Map<string, R>();
  #rows: readonly R[] | undefined = Object.freeze([]);
  #staged: Map<string, R> | undefined;
  #position: FeedPosition | undefined;
  /** Which rows the user could see when it got these; undefined where it could see all. */
  #scope: string | undefined;
  /** Whether a snapshot is under way. */
  #loading = false;
  #ready = false;
  #announced = false;
  #closed = false;

  constructor(link: Link, query: Query, key: readonly string[], index: SubscriptionIndex) {
    this.#link = link;
    this.query = query;
    this.#key = key;
    this.#index = index;
  }

  /** The rows that match, in the order in which they came into the subscription. */
  get rows(): readonly R[] {
    this.#rows ??= Object.freeze([...this.#byKey.values()]);
    return this.#rows;
  }

  /** Whether the first snapshot is complete. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Where the copy is in the change feed; undefined while a snapshot is under way. */
  get position(): FeedPosition | undefined {
    return this.#position;
  }

  /** Listen; a listener that comes later than the rows gets them as its first `change`. */
  on<K extends keyof SubscriptionEvents<R>>(event: K, listener: (value: SubscriptionEvents<R>[K]) => void): () => void {
    let listening = true;
    const stop = this.#events.on(event, listener);
    if (event === "change" && this.#ready && !this.#announced) {
      queueMicrotask(() => {
        if (listening) listener(this.rows as SubscriptionEvents<R>[K]);
      });
    }
    return () => {
      listening = false;
      stop();
    };
  }

  /** Ask the gateway: from where this copy is, or for a snapshot. Called on each new connection. */
  subscribe(): void {
    if (this.#closed) return;
    this.cut();
    this.error = undefined;
    const message: SubscribeRequest = { type: "subscribe", resource: this.query.resource, snapshot: true };
    if (this.query.filters && Object.keys(this.query.filters).length > 0) message.filters = this.query.filters;
    if (this.query.fields) message.fields = this.query.fields;
    if (this.#position) {
      message.since = this.#position;
      if (this.#scope) message.scope = this.#scope;
    }
    this.asking = true;
    this.#link.request({
      message: message as unknown as WireMessage,
      repeat: false,
      bound: true,
      replied: (reply) => this.#subscribed(reply as unknown as Subscribed),
      failed: (error) => this.#failed(error),
    });
  }

  /** The connection broke: half a snapshot is worth nothing. */
  cut(): void {
    this.asking = false;
    this.id = undefined;
    this.#staged = undefined;
    this.#loading = false;
  }

  /** The gateway ended the subscription: this user may not see these rows any more. */
  withdraw(): void {
    this.cut();
    this.#refuse(withdrawn(`the subscription to '${this.query.resource}'`));
  }

  /** Throw the rows away: they belong to a user that this client no longer is. */
  forget(): void {
    this.#staged = this.#position = undefined;
    this.#ready = false;
    if (this.#byKey.size === 0) return;
    this.#byKey = new Map();
    this.#changed({ action: "reset" });
  }

  /** The client has ended; `quiet` if the program closed it. */
  end(error: TidegateError, quiet: boolean): void {
    this.#closed = true;
    this.error = error;
    this.#events.emit(quiet ? "closed" : "error", error);
  }

  /** No live query uses this copy any more. */
  close(): void {
    this.#closed = true;
  }

  /** A page of a snapshot; the gateway may begin one at any time. */
  page(page: Snapshot): void {
    if (page.reset) {
      this.#staged = new Map();
      this.#loading = true;
      this.#position = undefined;
      this.#scope = page.scope;
    }
    const staged = this.#staged;
    if (!staged) return;
    for (const row of page.rows) {
      if (!this.#isReadable(row)) return;
      staged.set(this.#nameOf(row), row as R);
    }
    if (!page.done) return;
    this.#byKey = staged;
    this.#position = page.position;
    this.#staged = undefined;
    this.#loading = false;
    this.#ready = true;
    this.#changed({ action: "reset" });
  }

  update(update: Update): void {
    if (isKnown(this.#position, update.position) || !this.#isReadable(update.data)) return;
    const rows = this.#staged ?? this.#byKey;
    const name = this.#nameOf(update.data);
    const old = rows.get(name);
    if (update.action === "delete") rows.delete(name);
    else rows.set(name, update.data as R);
    if (this.#staged) return;
    this.#position = update.position;
    const change: Change<R> = { action: update.action, key: this.#keyOf(update.data) };
    if (update.action !== "delete") change.row = update.data as R;
    if (old) change.old = old;
    if (update.cause) change.cause = update.cause;
    if (update.origin) change.origin = update.origin;
    this.#changed(change);
  }

  /** The gateway has sent everything up to `position` on this connection; it counts for a complete copy only. */
  reached(position: FeedPosition): void {
    const complete = this.id && this.#ready && !this.#loading;
    if (complete) this.#position = advance(this.#position, position);
  }

  #subscribed(reply: Subscribed): void {
    this.asking = false;
    this.id = reply.subscription;
    this.#scope = reply.scope;
    const other = this.#index.adopt(this as unknown as Subscription<never>, reply.subscription);
    if (reply.mode === "snapshot") {
      this.#loading = true;
      this.#position = undefined;
    } else if (reply.mode === "live") {
      // Another spelling of a filter that this connection has already: the gateway sends its rows only once.
      if (other) this.#copy(other as unknown as Subscription<R>);
      else this.#position = reply.position;
      this.#ready = true;
      this.#changed({ action: "reset" });
    }
    this.#index.answered();
  }

  #copy(other: Subscription<R>): void {
    this.#byKey = new Map(other.#byKey);
    this.#position = other.#position;
  }

  #failed(error: TidegateError): void {
    if (this.#link.status !== "open") return; // the next connection subscribes again
    this.asking = false;
    if (error.retryable) {
      this.#events.emit("error", error);
      this.#link.again(error, () => {
        if (!this.asking && !this.id) this.subscribe();
      });
    } else this.#refuse(error);
    this.#index.answered();
  }

  #refuse(error: TidegateError): void {
    this.error = error;
    this.forget();
    this.#events.emit("error", error);
  }

  #changed(change: Change<R>): void {
    this.#rows = undefined;
    this.#events.emit("update", change);
    this.#announce();
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      this.#events.emit("change", this.rows);
    });
  }

  /** Whether the row has its key. A row without one ends the subscription: the copy would be wrong from here on. */
  #isReadable(row: Row): boolean {
    const missing = this.#key.find((name) => !(name in row));
    if (missing === undefined) return true;
    const reason = `a row of '${this.query.resource}' has no '${missing}': name the key's properties with the option keys`;
    this.#index.giveUp(this as unknown as Subscription<never>);
    this.cut();
    this.#refuse(new TidegateError("invalid_message", reason));
    return false;
  }

  #keyOf(row: Row): RowKey {
    const [first, ...others] = this.#key as [string, ...string[]];
    const key = others.length > 0 ? Object.fromEntries(this.#key.map((name) => [name, row[name]])) : row[first];
    return key as RowKey;
  }

  #nameOf(row: Row): string {
    return JSON.stringify(this.#key.map((name) => row[name]));
  }
}
