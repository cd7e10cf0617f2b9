// One subscription: the client's copy of its rows, kept equal to what the gateway would answer to the same filter.
//
// Invariants: it never shows half a snapshot; a row that did not change stays the same object, over a new snapshot too; `at` is
// only ever a position at which the copy was complete, so that it may always be given back as `since`.

import type { FeedPosition, Row, Snapshot, Subscribed, Update } from "../../../../generated/typescript/protocol.js";
import { Emitter } from "../emitter.js";
import { TidegateError, withdrawn } from "../errors.js";
import type { Link } from "../link.js";
import { isKnown } from "../positions.js";
import { kept } from "./equal.js";
import { keyOf, nameOf } from "./key.js";
import type { Change, LiveStatus, Query, Since, SubscriptionEvents } from "./query.js";

/** What the gateway sends about the rows of a subscription. */
export type Push = Snapshot | Update;

/** A complete snapshot, and what came after it, until these writes are answered. */
export interface Held {
  pushes: Push[];
  until: readonly { isAnswered: boolean }[];
}

/** The program's own writes that are under way, where it imported `tidegate/optimistic`. */
export interface Overlay {
  /** The rows of `copy` with the writes on top. */
  over(copy: Subscription<never>): ReadonlyMap<string, Row>;
  /** The copy is about to get `push`, whose origin may be one of the writes. Returns whether the push has to wait. */
  holds(copy: Subscription<never>, push: Push): boolean;
  /** The client is another user: what is under way is not for it. */
  forget(): void;
}

/** Which copies hold which subscription. `Queries` implements it. */
export interface SubscriptionIndex {
  readonly overlay: Overlay | undefined;
  /** A copy that had the id of `copy` before: the gateway starts nothing for an equal one. */
  equal(copy: Subscription<never>): Subscription<never> | undefined;
  /** The copies of `id` need all rows. */
  renew(id: string): void;
  /** The answer to a `subscribe` came, whatever it was. */
  answered(): void;
  /** `copy` cannot go on with what the gateway sends. */
  unsubscribe(copy: Subscription<never>): void;
}

export class Subscription<R extends object = Row> extends Emitter<SubscriptionEvents<R>> {
  declare readonly about: Query;
  declare readonly key: readonly string[];
  /** The gateway's id of it on the present connection; it means nothing on another. */
  declare id: string | undefined;
  /** Whether the gateway's answer to `subscribe` is still to come. */
  asking = false;
  /** What refused or ended it, until the client asks again. */
  declare error: TidegateError | undefined;
  /** Whether the copy has no rows but those that changed since the position that the program gave. */
  declare partial: boolean;
  /** Whether the rows are there. */
  ready = false;
  /** The rows that the gateway told, in the order in which they came into the subscription. */
  rows = new Map<string, R>();
  /** Where `rows` are in the change feed, also while others are under way. */
  declare at: Since | undefined;
  /** A number for each state of what a program sees. */
  version = 0;
  /** The live queries that show it. */
  uses = 0;
  /** The timer of a copy that stays for a moment without a live query. */
  declare kept: unknown;
  /** Pushes that wait for the answer to a write, where the program imported `tidegate/optimistic`. */
  declare held: Held | undefined;
  readonly #link: Link;
  readonly #index: SubscriptionIndex;
  readonly #place: number;
  /** The snapshot under way, and which rows the user may see in it. */
  #staged: { rows: Map<string, R>; scope: string | undefined } | undefined;

  constructor(link: Link, query: Query, key: readonly string[], index: SubscriptionIndex) {
    super();
    this.#link = link;
    this.about = query;
    this.key = key;
    this.#index = index;
    this.#place = link.outstanding.place();
    this.at = query.since;
    this.partial = Boolean(query.since ?? query.changesOnly);
  }

  /** The rows, with the program's own writes. */
  get shown(): ReadonlyMap<string, R> {
    return (this.#index.overlay?.over(this as never) as Map<string, R> | undefined) ?? this.rows;
  }

  get status(): LiveStatus {
    if (this.error) return "error";
    if (!this.ready) return "loading";
    return this.id === undefined || this.#staged ? "behind" : "live";
  }

  /** What `subscribe` takes to go on from here; undefined while a snapshot is under way. */
  get since(): Since | undefined {
    return this.#staged ? undefined : this.at;
  }

  get isWanted(): boolean {
    return this.uses > 0 || this.kept !== undefined;
  }

  /** Ask the gateway: from where this copy is, or for a snapshot. Called on each new connection. */
  subscribe(): void {
    this.cut();
    this.error = undefined;
    this.asking = true;
    const { resource, filters, fields, changesOnly } = this.about;
    const snapshot = !(this.partial && changesOnly);
    const { position: since, scope } = this.at ?? {};
    this.#link.request({
      message: { type: "subscribe", resource, snapshot, fields, filters, since, scope },
      bound: true,
      place: this.#place,
      replied: (reply) => this.#subscribed(reply as unknown as Subscribed),
      failed: (error) => this.#failed(error),
    });
  }

  /** The connection broke: half a snapshot is worth nothing. */
  cut(): void {
    this.asking = false;
    this.id = this.#staged = this.held = undefined;
    this.touch();
  }

  /** The gateway ended the subscription: this user may not see these rows any more. */
  withdraw(): void {
    this.cut();
    this.#refuse(withdrawn(`the subscription to '${this.about.resource}'`));
  }

  /** Throw the rows away: they belong to a user that this client no longer is, or are too few. */
  forget(partial = Boolean(this.about.changesOnly)): void {
    this.#staged = this.held = this.at = undefined;
    this.ready = false;
    this.partial = partial;
    if (this.rows.size) this.#replace(new Map());
    else this.touch();
  }

  /** The client has ended; `quiet` if the program closed it. */
  end(error: TidegateError, quiet?: boolean): void {
    this.error = error;
    this.touch();
    this.emit("failed", { error, quiet });
  }

  received(push: Push): void {
    if (push.type === "snapshot") this.#page(push);
    else this.#update(push);
  }

  /** The gateway has sent everything up to `position` on this connection; it counts for a complete copy only. */
  reached(position: FeedPosition): void {
    const at = this.at?.position;
    if (this.status !== "live" || at?.epoch !== position.epoch || isKnown(at, position)) return;
    this.at = { ...this.at, position };
    this.touch();
  }

  /** Something that a program sees may have changed: tell it when this turn ends. */
  touch(): void {
    const version = ++this.version;
    queueMicrotask(() => {
      if (version === this.version) this.emit("touched", undefined);
    });
  }

  /** A page of a snapshot; the gateway may begin one at any time. */
  #page({ reset, rows, done, position, scope }: Snapshot): void {
    if (reset) this.#stage(scope);
    const { shown } = this;
    const staged = this.#staged;
    if (!staged || !rows.every((row) => this.#isReadable(row))) return;
    for (const row of rows) {
      const name = nameOf(this.key, row);
      staged.rows.set(name, kept(shown.get(name), row as R));
    }
    if (!done) return;
    this.at = { position: position as FeedPosition, scope: staged.scope };
    this.#staged = undefined;
    this.ready = true;
    this.partial = false;
    this.#replace(staged.rows);
  }

  #update({ action, data, position, cause, origin }: Update): void {
    if (isKnown(this.since?.position, position) || !this.#isReadable(data)) return;
    const rows = this.#staged?.rows ?? this.rows;
    const name = nameOf(this.key, data);
    const old = rows.get(name);
    const row = action === "delete" ? undefined : kept(this.shown.get(name), data as R);
    if (row) rows.set(name, row);
    else rows.delete(name);
    if (this.#staged) return;
    this.at = { ...this.at, position };
    this.#changed({ action, key: keyOf(this.key, data), row, old, cause, origin });
  }

  #subscribed({ subscription, mode, position, scope }: Subscribed): void {
    this.asking = false;
    this.id = subscription;
    const other = this.#index.equal(this as never) as Subscription<R> | undefined;
    // Another spelling of a filter that this connection has already: the gateway sends its rows only once.
    if (other?.partial) this.#index.renew(subscription);
    else if (mode === "snapshot") this.#stage(scope);
    else {
      this.ready = true;
      if (mode === "live") {
        this.at = other ? other.at : { position, scope };
        this.partial &&= !other;
        this.#replace(new Map((other ?? this).rows));
      } else this.at = { position, ...this.at, scope };
    }
    this.touch();
    this.#index.answered();
  }

  #failed(error: TidegateError): void {
    this.asking = false;
    if (error.retryable) {
      this.emit("failed", { error });
      this.#link.again(error, () => {
        if (this.isWanted && !this.asking && !this.id) this.subscribe();
      });
    } else this.#refuse(error);
    this.#index.answered();
  }

  #refuse(error: TidegateError): void {
    this.forget();
    this.end(error);
  }

  #stage(scope: string | undefined): void {
    this.#staged = { rows: new Map(), scope };
    this.touch();
  }

  #replace(rows: Map<string, R>): void {
    this.rows = rows;
    this.#changed({ action: "reset" });
  }

  #changed(change: Change<R>): void {
    this.touch();
    this.emit("update", change);
  }

  /** Whether the row has its key. A row without one ends the subscription: the copy would be wrong from here on. */
  #isReadable(row: Row): boolean {
    const missing = this.key.find((name) => !(name in row));
    if (missing === undefined) return true;
    const reason = `'${this.about.resource}' has no '${missing}': name its key in the option keys`;
    this.#index.unsubscribe(this as never);
    this.cut();
    this.#refuse(new TidegateError("invalid_message", reason));
    return false;
  }
}
