// `LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them: in order,
// and no more than the program wants.
//
// Which copy of the rows feeds it is the concern of `queries`.
// Invariants: a live query that is closed calls no listener, and its rows stay as they were; `rows` is the same array, and each
// row the same object, until something in it changed.

import type { FeedPosition } from "../../../../generated/typescript/protocol.js";
import { Emitter } from "../emitter.js";
import { ClientClosed, type TidegateError } from "../errors.js";
import type { Compare } from "./order.js";
import type { Change, LiveStatus, Since } from "./query.js";
import type { Subscription } from "./subscription.js";

interface Events<R> {
  /** The rows changed, or `hasMore`; one event a turn, however many changes came. */
  change: readonly R[];
  /** Each change, in order, also to rows beyond the limit. */
  update: Change<R>;
  /** The gateway refused the query or ended it; after a `retryable` refusal the client asks again. */
  error: TidegateError;
  status: LiveStatus;
}

export class LiveQuery<R> {
  readonly #copy: Subscription<R & object>;
  readonly #compare: Compare | undefined;
  readonly #limit: number | undefined;
  readonly #release: () => void;
  readonly #events = new Emitter<Events<R>>();
  readonly #stops: (() => void)[];
  /** Called when the rows are there, or with what ended the query first. */
  #waiting: ((error?: TidegateError) => void)[] = [];
  /** The version of the copy that is shown, its rows in order, and those within the limit. */
  #version = -1;
  #ordered: readonly (R & object)[] = [];
  #rows: readonly R[] = Object.freeze([]);
  /** What the listeners know. */
  #told: { rows?: readonly R[] | undefined; hasMore?: boolean; status: LiveStatus };
  #open = true;

  /** A program gets one from `subscribe`. */
  constructor(
    copy: Subscription<R & object>,
    compare: Compare | undefined,
    limit: number | undefined,
    release: () => void,
  ) {
    this.#copy = copy;
    this.#compare = compare;
    this.#limit = limit;
    this.#release = release;
    this.#told = { status: copy.status };
    this.#stops = [
      copy.on("touched", () => this.#tell()),
      copy.on("update", (change) => this.#events.emit("update", change)),
      copy.on("failed", ({ error, quiet }) => {
        if (!error.retryable) this.#settle(error);
        if (!quiet) this.#events.emit("error", error);
      }),
    ];
    if (copy.ready) copy.touch();
  }

  get resource(): string {
    return this.#copy.about.resource;
  }

  /** The rows as they are now: the same array until something in it changed. */
  get rows(): readonly R[] {
    this.#look();
    return this.#rows;
  }

  /** Whether rows beyond `limit` match. */
  get hasMore(): boolean {
    return this.rows.length < this.#ordered.length;
  }

  /** Whether the rows are there. */
  get ready(): boolean {
    return this.#copy.ready;
  }

  get status(): LiveStatus {
    return this.#copy.status;
  }

  /** Where the rows are in the change feed; undefined while they load. */
  get position(): FeedPosition | undefined {
    return this.since?.position;
  }

  /** What `subscribe({ since })` takes to go on from here; undefined while the rows load. */
  get since(): Since | undefined {
    return this.#copy.since;
  }

  /** What refused or ended this query; undefined while it lives. */
  get error(): TidegateError | undefined {
    return this.#copy.error;
  }

  /** Wait until the rows are there. Rejects with what ended the query, if that came first. */
  async loaded(): Promise<this> {
    const ended = this.#open ? this.error : this.#closed();
    if (ended) throw ended;
    if (!this.ready)
      await new Promise<void>((resolve, reject) => this.#waiting.push((error) => (error ? reject(error) : resolve())));
    return this;
  }

  /** Listen; returns the function that stops it. A listener that comes later than the rows gets them at once. */
  on<K extends keyof Events<R>>(event: K, listener: (value: Events<R>[K]) => void): () => void {
    if (!this.#open) return () => {};
    let listening = true;
    const hear = (value: Events<R>[K]) => {
      if (listening && this.#open) listener(value);
    };
    const stop = this.#events.on(event, hear);
    if (event === "change" && this.#told.rows) queueMicrotask(() => hear(this.rows as Events<R>[K]));
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
    this.#settle(this.#closed());
    this.#release();
  }

  /** Show the rows of the copy, if there are others. */
  #look(): void {
    const { version } = this.#copy;
    if (!this.#open || version === this.#version) return;
    this.#version = version;
    const left = new Set(this.#copy.shown.values());
    // Rows that were here are in order already, which makes sorting them again cheap.
    const known = this.#compare ? this.#ordered.filter((row) => left.delete(row)) : [];
    const ordered = [...known, ...left];
    this.#ordered = this.#compare ? ordered.sort(this.#compare) : ordered;
    const rows = this.#ordered.slice(0, this.#limit);
    const isSame = rows.length === this.#rows.length && rows.every((row, at) => row === this.#rows[at]);
    if (!isSame) this.#rows = Object.freeze(rows);
  }

  #tell(): void {
    const { ready, status, rows, hasMore } = this;
    const told = this.#told;
    this.#told = { status, rows: ready || told.rows ? rows : undefined, hasMore };
    if (ready) this.#settle();
    if (status !== told.status) this.#events.emit("status", status);
    if (this.#told.rows !== told.rows || (told.rows && hasMore !== told.hasMore)) this.#events.emit("change", rows);
  }

  #settle(error?: TidegateError): void {
    for (const settle of this.#waiting.splice(0)) settle(error);
  }

  #closed(): ClientClosed {
    return new ClientClosed(`the live query of '${this.resource}' is closed`);
  }
}
