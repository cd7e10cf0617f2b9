// One subscription: the client's copy of its rows, kept equal to what the gateway would answer to the same filter.
//
// Invariants: it never shows half a snapshot; a row that did not change stays the same object, over a new snapshot too; the
// position is only ever one at which the copy was complete, so that it may always be given back as `since`.

import type { FeedPosition, Row, Snapshot, Subscribed, Update } from "../../../../generated/typescript/protocol.js";
import { Emitter } from "../emitter.js";
import { TidegateError, withdrawn } from "../errors.js";
import type { Link } from "../link.js";
import { advance, isKnown } from "../positions.js";
import { kept } from "./equal.js";
import { keyOf, nameOf } from "./key.js";
import type { SubscriptionIndex } from "./ports.js";
import type { Change, LiveStatus, Query, Since, SubscriptionEvents } from "./query.js";

export class Subscription<R extends object = Row> extends Emitter<SubscriptionEvents<R>> {
  readonly query: Query;
  /** The gateway's id of it on the present connection; it means nothing on another. */
  id: string | undefined;
  /** Whether the gateway's answer to `subscribe` is still to come. */
  asking = false;
  /** What refused or ended it, until the client asks again. */
  error: TidegateError | undefined;
  /** Whether the copy has no rows but those that changed since the position that the program gave. */
  partial: boolean;
  /** A number for each state of the rows. */
  version = 0;
  /** The position of the rows as they are, also while others are under way. */
  at: FeedPosition | undefined;
  readonly key: readonly string[];
  readonly #link: Link;
  readonly #index: SubscriptionIndex;
  readonly #place: number;
  #byKey = new Map<string, R>();
  #shown: ReadonlyMap<string, R> = this.#byKey;
  #shownVersion = 0;
  #staged: Map<string, R> | undefined;
  /** What came while a complete snapshot waits for the answer to a write. */
  #held: (() => void)[] | undefined;
  #position: FeedPosition | undefined;
  /** Which rows the user could see when it got these; undefined where it could see all. */
  #scope: string | undefined;
  /** Whether a snapshot is under way. */
  #loading = false;
  #ready = false;
  #told = true;
  #closed = false;

  constructor(link: Link, query: Query, key: readonly string[], index: SubscriptionIndex) {
    super();
    this.#link = link;
    this.query = query;
    this.key = key;
    this.#index = index;
    this.#place = link.outstanding.place();
    this.partial = query.since !== undefined || query.changesOnly === true;
    this.#position = this.at = query.since?.position;
    this.#scope = query.since?.scope;
  }

  /** The rows that match, with the program's own writes, in the order in which they came into the subscription. */
  get shown(): ReadonlyMap<string, R> {
    if (this.#shownVersion === this.version) return this.#shown;
    this.#shownVersion = this.version;
    const { overlay } = this.#index;
    const rows = overlay ? (overlay.over(this as never, this.#byKey as never) as Map<string, R>) : this.#byKey;
    if (rows !== this.#byKey) for (const [name, row] of rows) rows.set(name, kept(this.#shown.get(name), row));
    this.#shown = rows;
    return rows;
  }

  /** The rows that the gateway told. */
  get told(): ReadonlyMap<string, R> {
    return this.#byKey;
  }

  get status(): LiveStatus {
    if (this.error) return "error";
    if (!this.#ready) return "loading";
    return this.id === undefined || this.#loading ? "behind" : "live";
  }

  /** Whether the first snapshot is complete. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Where the copy is in the change feed; undefined while a snapshot is under way. */
  get position(): FeedPosition | undefined {
    return this.#position;
  }

  /** What `subscribe` takes to go on from here. */
  get since(): Since | undefined {
    return this.#position && { position: this.#position, ...(this.#scope && { scope: this.#scope }) };
  }

  /** Ask the gateway: from where this copy is, or for a snapshot. Called on each new connection. */
  subscribe(): void {
    if (this.#closed) return;
    this.cut();
    this.error = undefined;
    const { resource, filters, fields, changesOnly } = this.query;
    const message = { type: "subscribe", resource, snapshot: !(this.partial && changesOnly), fields, filters };
    this.asking = true;
    this.#link.request({
      message: { ...message, since: this.since?.position, scope: this.since?.scope },
      bound: true,
      place: this.#place,
      replied: (reply) => this.#subscribed(reply as unknown as Subscribed),
      failed: (error) => this.#failed(error),
    });
  }

  /** The connection broke: half a snapshot is worth nothing. */
  cut(): void {
    this.asking = false;
    this.id = undefined;
    this.#staged = this.#held = undefined;
    this.#loading = false;
    this.touch();
  }

  /** The gateway ended the subscription: this user may not see these rows any more. */
  withdraw(): void {
    this.cut();
    this.#refuse(withdrawn(`the subscription to '${this.query.resource}'`));
  }

  /** Throw the rows away: they belong to a user that this client no longer is. */
  forget(): void {
    this.#staged = this.#held = this.#position = this.at = undefined;
    this.#ready = false;
    this.partial = this.query.changesOnly === true;
    this.touch();
    if (this.#byKey.size === 0) return;
    this.#byKey = new Map();
    this.#changed({ action: "reset" });
  }

  /** The client has ended; `quiet` if the program closed it. */
  end(error: TidegateError, quiet: boolean): void {
    this.#closed = true;
    this.error = error;
    this.touch();
    this.emit(quiet ? "closed" : "error", error);
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
      this.touch();
    }
    const staged = this.#staged;
    if (!staged) return;
    for (const row of page.rows) {
      if (!this.#isReadable(row)) return;
      staged.set(nameOf(this.key, row), row as R);
    }
    if (page.done && this.#index.overlay?.holds(this as never)) this.#held = [() => this.#complete(page)];
    else if (page.done) this.#complete(page);
  }

  /** No write is in the way any more of a snapshot that waited. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const act of held) act();
  }

  #complete(page: Snapshot): void {
    const before = this.shown;
    const rows = new Map<string, R>();
    for (const [name, row] of this.#staged ?? []) rows.set(name, kept(before.get(name), row));
    this.#byKey = rows;
    this.#position = this.at = page.position;
    this.#staged = undefined;
    this.#ready = true;
    this.#loading = this.partial = false;
    this.#changed({ action: "reset" });
  }

  update(update: Update): void {
    if (this.#held) {
      this.#held.push(() => this.update(update));
      return;
    }
    if (isKnown(this.#position, update.position) || !this.#isReadable(update.data)) return;
    const rows = this.#staged ?? this.#byKey;
    const name = nameOf(this.key, update.data);
    const old = rows.get(name);
    const row = kept(this.shown.get(name), update.data as R);
    if (update.action === "delete") rows.delete(name);
    else rows.set(name, row);
    if (this.#staged) return;
    this.#position = this.at = update.position;
    const { action, data, cause, origin } = update;
    const key = keyOf(this.key, data);
    this.#changed({ action, key, row: action === "delete" ? undefined : row, old, cause, origin }, update);
  }

  /** The gateway has sent everything up to `position` on this connection; it counts for a complete copy only. */
  reached(position: FeedPosition): void {
    const complete = this.id && this.#ready && !this.#loading;
    if (!complete) return;
    this.#position = this.at = advance(this.#position, position);
    if (this.#index.overlay) this.touch();
  }

  #subscribed(reply: Subscribed): void {
    this.asking = false;
    this.id = reply.subscription;
    this.#scope = reply.scope;
    const other = this.#index.adopt(this as unknown as Subscription<never>, reply.subscription);
    // Another spelling of a filter that this connection has already: the gateway sends its rows only once.
    if (other?.partial) this.#index.renew(reply.subscription);
    else if (reply.mode === "recovered") this.#ready = true;
    else if (reply.mode === "snapshot") {
      this.#loading = true;
      this.#position = undefined;
    } else {
      if (other) this.#byKey = new Map((other as unknown as Subscription<R>).#byKey);
      this.#position = this.at = other ? other.at : reply.position;
      this.#ready = true;
      this.partial = this.partial && !other;
      this.#changed({ action: "reset" });
    }
    this.touch();
    this.#index.answered();
  }

  #failed(error: TidegateError): void {
    if (this.#link.status !== "open") return; // the next connection subscribes again
    this.asking = false;
    if (error.retryable) {
      this.emit("error", error);
      this.#link.again(error, () => {
        if (!this.asking && !this.id) this.subscribe();
      });
    } else this.#refuse(error);
    this.#index.answered();
  }

  #refuse(error: TidegateError): void {
    this.error = error;
    this.forget();
    this.emit("error", error);
  }

  #changed(change: Change<R>, update?: Update): void {
    this.touch();
    this.#index.overlay?.heard(this as never, update);
    this.emit("update", change);
  }

  /** Something that a program sees may have changed: tell it when this turn ends. */
  touch(): void {
    this.version += 1;
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      this.emit("touched", undefined);
    });
  }

  /** Whether the row has its key. A row without one ends the subscription: the copy would be wrong from here on. */
  #isReadable(row: Row): boolean {
    const missing = this.key.find((name) => !(name in row));
    if (missing === undefined) return true;
    const reason = `a row of '${this.query.resource}' has no '${missing}': name the key's properties with the option keys`;
    this.#index.giveUp(this as unknown as Subscription<never>);
    this.cut();
    this.#refuse(new TidegateError("invalid_message", reason));
    return false;
  }
}
