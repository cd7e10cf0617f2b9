// The client's copy of the rows of one subscription, kept equal to what the gateway would answer to the same filter.
//
// Invariants: `rows` never shows half a snapshot, and is the same array until something in it changed; the position is
// only ever one at which the copy was complete, so that it may always be given back as `since`.

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
import { TidegateError, withdrawn } from "./errors.js";
import type { Link, Message } from "./link.js";
import { advance, isKnown } from "./positions.js";

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
  /** The gateway refused the subscription; where that is not for good (`retryable`), it is asked again. */
  error: TidegateError;
}

/** What a query is about; equal queries of one client share one subscription. */
export interface Query {
  resource: string;
  filters?: Filters | undefined;
  fields?: string[] | undefined;
}

/** Which copies hold which subscription; the client keeps it. */
export interface Subscriptions {
  /** `live` is subscription `id`. Returns a copy that already was: the gateway starts nothing new for an equal one. */
  adopt(live: Live<never>, id: string): Live<never> | undefined;
  /** The answer to a `subscribe` came, whatever it was. */
  answered(): void;
}

export class Live<R extends object = Row> {
  readonly query: Query;
  /** The id of the subscription on this line; of no meaning on another. */
  subscription: string | undefined;
  /** Whether the gateway's answer to `subscribe` is still to come. */
  asking = false;
  /** Whether the gateway refused it for good; only another user, or another line, may have it. */
  refused = false;
  readonly #link: Link;
  readonly #subscriptions: Subscriptions;
  readonly #key: readonly string[];
  readonly #events = new Emitter<Events<R>>();
  #byKey = new Map<string, R>();
  #rows: readonly R[] | undefined = Object.freeze([]);
  #staged: Map<string, R> | undefined;
  #position: FeedPosition | undefined;
  /** Which rows the user could see when it got these; not there where it could see all. */
  #scope: string | undefined;
  /** Whether a snapshot is under way. */
  #loading = false;
  #ready = false;
  #announced = false;
  #closed = false;

  constructor(link: Link, query: Query, key: readonly string[], subscriptions: Subscriptions) {
    this.#link = link;
    this.query = query;
    this.#key = key;
    this.#subscriptions = subscriptions;
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

  /** Listen; whoever comes later than the rows hears of them as a first `change`. */
  on<K extends keyof Events<R>>(event: K, listener: (value: Events<R>[K]) => void): () => void {
    let listening = true;
    const end = this.#events.on(event, listener);
    if (event === "change" && this.#ready && !this.#announced) {
      queueMicrotask(() => {
        if (listening) listener(this.rows as Events<R>[K]);
      });
    }
    return () => {
      listening = false;
      end();
    };
  }

  /** Ask the gateway: from where this copy is, or for a snapshot. Called on every new line. */
  subscribe(): void {
    if (this.#closed) return;
    this.cut();
    this.refused = false;
    const message: SubscribeRequest = { type: "subscribe", resource: this.query.resource, snapshot: true };
    if (this.query.filters && Object.keys(this.query.filters).length > 0) message.filters = this.query.filters;
    if (this.query.fields) message.fields = this.query.fields;
    if (this.#position) {
      message.since = this.#position;
      if (this.#scope) message.scope = this.#scope;
    }
    this.asking = true;
    this.#link.request({
      message: message as unknown as Message,
      repeatable: false,
      patient: true,
      replied: (reply) => this.#subscribed(reply as unknown as Subscribed),
      failed: (error) => this.#failed(error),
    });
  }

  /** The line broke: half a snapshot is worth nothing. */
  cut(): void {
    this.asking = false;
    this.subscription = undefined;
    this.#staged = undefined;
    this.#loading = false;
  }

  /** The gateway ended the subscription by itself: these rows are not this user's to see any more. */
  withdraw(): void {
    this.cut();
    this.#refuse(withdrawn(`the subscription to ${this.query.resource}`));
  }

  /** Throw the rows away: they belong to a user that this client no longer is. */
  forget(): void {
    this.#staged = this.#position = undefined;
    this.#ready = false;
    if (this.#byKey.size === 0) return;
    this.#byKey = new Map();
    this.#changed({ action: "reset" });
  }

  /** The client is closed, without the program's doing. */
  end(error: TidegateError): void {
    this.#closed = true;
    this.#events.emit("error", error);
  }

  /** Nobody uses this copy any more. */
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
    if (!page.rows.every((row) => this.#put(staged, row as R)) || !page.done) return;
    this.#byKey = staged;
    this.#position = page.position;
    this.#staged = undefined;
    this.#loading = false;
    this.#ready = true;
    this.#changed({ action: "reset" });
  }

  update(update: Update): void {
    if (isKnown(this.#position, update.position)) return;
    const rows = this.#staged ?? this.#byKey;
    const data = update.data as R;
    if (update.action === "delete") rows.delete(this.#keyOf(data));
    else if (!this.#put(rows, data)) return;
    if (this.#staged) return;
    this.#position = update.position;
    const change: Change<R> = { action: update.action, data };
    if (update.cause) change.cause = update.cause;
    if (update.origin) change.origin = update.origin;
    this.#changed(change);
  }

  /** Everything up to `position` has come on this line; it counts only for a copy that is complete. */
  reached(position: FeedPosition): void {
    const complete = this.subscription && this.#ready && !this.#loading;
    if (complete) this.#position = advance(this.#position, position);
  }

  #subscribed(reply: Subscribed): void {
    this.asking = false;
    this.subscription = reply.subscription;
    this.#scope = reply.scope;
    const other = this.#subscriptions.adopt(this as unknown as Live<never>, reply.subscription);
    if (reply.mode === "snapshot") {
      this.#loading = true;
      this.#position = undefined;
    } else if (reply.mode === "live") {
      // Another spelling of a filter that this line has already: the gateway sends its rows only once.
      if (other) this.#copy(other as unknown as Live<R>);
      else this.#position = reply.position;
      this.#ready = true;
      this.#changed({ action: "reset" });
    }
    this.#subscriptions.answered();
  }

  #copy(other: Live<R>): void {
    this.#byKey = new Map(other.#byKey);
    this.#position = other.#position;
  }

  #failed(error: TidegateError): void {
    if (this.#link.status !== "open") return; // the next line subscribes again
    this.asking = false;
    if (error.retryable) {
      this.#events.emit("error", error);
      this.#link.again(error, () => {
        if (!this.asking && !this.subscription) this.subscribe();
      });
    } else this.#refuse(error);
    this.#subscriptions.answered();
  }

  #refuse(error: TidegateError): void {
    this.refused = true;
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

  #put(rows: Map<string, R>, row: R): boolean {
    const lacks = this.#key.find((name) => !(name in row));
    if (lacks === undefined) rows.set(this.#keyOf(row), row);
    else {
      const reason = `a row of ${this.query.resource} has no "${lacks}": name the key with the option "keys"`;
      this.#events.emit("error", new TidegateError(reason, false));
    }
    return lacks === undefined;
  }

  #keyOf(row: object): string {
    return JSON.stringify(this.#key.map((name) => (row as Row)[name]));
  }
}

/** A name for what a query is about: equal for equal queries, whatever the order of their properties. */
export function queryKey(query: Query): string {
  const filters = Object.entries(query.filters ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([query.resource, filters, query.fields ? [...query.fields].sort() : null]);
}
