// The subscriptions of a client: which copies of rows there are, how many live queries use each, and which push is for
// which copy.
//
// Equal queries share a copy. That two filters are equal in another spelling shows only in the id that the gateway
// answers: then two copies share one id.
// A copy stays for a moment after its last live query, so that the next equal one shows rows at once.
// Invariant: the client unsubscribes when the last copy is given up, and never while an equal `subscribe` is under way.

import type { FeedPosition, Snapshot, Update } from "../../../../generated/typescript/protocol.js";
import type { TidegateError } from "../errors.js";
import type { Link } from "../link.js";
import { type Clock, type Options, systemClock } from "../options.js";
import type { Part } from "../part.js";
import type { WireMessage } from "../wire.js";
import type { Overlay, SubscriptionIndex } from "./ports.js";
import { type Query, queryKey } from "./query.js";
import { Subscription } from "./subscription.js";

/** How long a copy stays without a live query. */
const KEPT_MS = 5000;

interface Entry {
  copy: Subscription<never>;
  uses: number;
  /** Set while a copy without a live query stays. */
  kept?: unknown;
}

export class Queries implements SubscriptionIndex, Part {
  overlay: Overlay | undefined;
  readonly #link: Link;
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<string, Set<Subscription<never>>>();
  #outdated = false;

  constructor(link: Link, options: Options) {
    this.#link = link;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** The key's properties of a resource. */
  keyOf(resource: string): readonly string[] {
    const key = this.#options.keys?.[resource] ?? this.#options.resources?.[resource]?.key ?? "id";
    return typeof key === "string" ? [key] : key;
  }

  /** All copies of a resource. */
  of(resource: string): Subscription<never>[] {
    return [...this.#entries.values()].map(({ copy }) => copy).filter(({ query }) => query.resource === resource);
  }

  /** The copy for a query, new or shared. */
  watch(query: Query): Subscription<never> {
    const known = this.#entries.get(queryKey(query));
    if (known) {
      known.uses += 1;
      this.#release(known);
      if (known.copy.error && this.#link.status === "open") known.copy.subscribe();
      return known.copy;
    }
    if (this.#entries.size >= (this.#link.welcome?.limits?.max_subscriptions ?? Infinity)) this.#makeRoom();
    const key = query.key ?? this.keyOf(query.resource);
    const copy = new Subscription<never>(this.#link, query, typeof key === "string" ? [key] : key, this);
    this.#entries.set(queryKey(query), { copy, uses: 1 });
    if (this.#link.status === "open") copy.subscribe();
    return copy;
  }

  /** A live query of `copy` is closed. */
  release(copy: Subscription<never>): void {
    const entry = this.#entries.get(queryKey(copy.query));
    if (entry?.copy !== copy) return;
    entry.uses -= 1;
    if (entry.uses === 0 && copy.ready) {
      entry.kept = this.#clock.setTimeout(() => {
        this.#release(entry);
        this.#sweep();
      }, KEPT_MS);
    } else this.#sweep();
  }

  /** `copy` has the id `id`. Returns a copy that had it before: the gateway starts nothing for an equal one. */
  adopt(copy: Subscription<never>, id: string): Subscription<never> | undefined {
    const holders = this.#byId.get(id) ?? new Set();
    const others = [...holders];
    this.#byId.set(id, holders.add(copy));
    return others.find(({ partial }) => !partial) ?? others[0];
  }

  /** The copies of `id` need all rows. */
  renew(id: string): void {
    const holders = [...(this.#byId.get(id) ?? [])];
    this.#byId.delete(id);
    this.#link.post({ type: "unsubscribe", subscription: id });
    for (const copy of holders) {
      copy.forget();
      copy.partial = false;
      copy.subscribe();
    }
  }

  /** The answer to a `subscribe` came. */
  answered(): void {
    if (this.#outdated) this.#restart();
    this.#sweep();
  }

  /** `copy` cannot go on with what the gateway sends. */
  giveUp(copy: Subscription<never>): void {
    this.#unsubscribe(copy);
  }

  // -- the connection -------------------------------------------------------------------------------------------------

  opened(another: boolean): void {
    if (another) this.#forget();
    for (const [key, { copy, uses, kept }] of this.#entries) {
      if (uses > 0 || kept !== undefined) copy.subscribe();
      else this.#entries.delete(key);
    }
  }

  lost(): void {
    this.#byId.clear();
    this.#outdated = false;
    for (const { copy } of this.#entries.values()) copy.cut();
  }

  /** The client has ended; `quiet` if the program closed it. */
  closed(error: TidegateError, quiet: boolean): void {
    this.lost();
    for (const entry of this.#entries.values()) {
      this.#release(entry);
      entry.copy.end(error, quiet);
    }
  }

  /** Throw all rows away: they belong to a user that this client no longer is. */
  #forget(): void {
    this.overlay?.forget();
    for (const { copy } of this.#entries.values()) copy.forget();
  }

  /** On an open connection, the gateway takes this client for another user, who may see other rows. */
  identityChanged(): void {
    this.#forget();
    this.#outdated = true;
    this.#restart();
  }

  pushed(message: WireMessage): void {
    if (message.type === "heartbeat") {
      const position = message.position as FeedPosition | undefined;
      if (position) for (const { copy } of this.#entries.values()) copy.reached(position);
      return;
    }
    const id = message.subscription as string;
    const holders = this.#byId.get(id) ?? [];
    if (message.type === "snapshot") for (const copy of holders) copy.page(message as unknown as Snapshot);
    if (message.type === "update") for (const copy of holders) copy.update(message as unknown as Update);
    if (message.type === "unsubscribed" && message.ref === undefined) {
      this.#byId.delete(id);
      for (const copy of holders) copy.withdraw();
    }
  }

  // -- within ---------------------------------------------------------------------------------------------------------

  /** Ask for everything again, as soon as nothing that was asked before is under way. */
  #restart(): void {
    const entries = [...this.#entries.values()];
    if (entries.some(({ copy }) => copy.asking)) return;
    this.#outdated = false;
    for (const id of this.#byId.keys()) this.#link.post({ type: "unsubscribe", subscription: id });
    this.#byId.clear();
    for (const { copy } of entries) {
      copy.forget();
      copy.subscribe();
    }
  }

  /** Give up the copies without a live query, but not while an answer under way might be about the same subscription. */
  #sweep(): void {
    const entries = [...this.#entries];
    const busy = new Set(entries.filter(([, { copy }]) => copy.asking).map(([, { copy }]) => copy.query.resource));
    for (const [key, { copy, uses, kept }] of entries) {
      if (uses > 0 || kept !== undefined || busy.has(copy.query.resource)) continue;
      this.#entries.delete(key);
      this.#drop(copy);
    }
  }

  /** Give up what is only kept: the gateway has a limit. */
  #makeRoom(): void {
    for (const entry of this.#entries.values()) this.#release(entry);
    this.#sweep();
  }

  #release(entry: Entry): void {
    this.#clock.clearTimeout(entry.kept as never);
    entry.kept = undefined;
  }

  #drop(copy: Subscription<never>): void {
    this.#unsubscribe(copy);
    copy.close();
  }

  /** Tell the gateway, unless another copy has the same id. */
  #unsubscribe(copy: Subscription<never>): void {
    const { id } = copy;
    const holders = id === undefined ? undefined : this.#byId.get(id);
    if (id === undefined || !holders?.delete(copy) || holders.size > 0) return;
    this.#byId.delete(id);
    this.#link.post({ type: "unsubscribe", subscription: id });
  }
}
