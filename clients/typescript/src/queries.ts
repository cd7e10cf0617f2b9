// The subscriptions of a client: which copies of rows there are, who uses them, and which push is for whom.
//
// Equal queries share a copy. That two filters are equal in another spelling shows only in the id that the gateway
// answers: then two copies share one subscription.
// Invariant: a subscription is given up when its last copy is, and never while an equal `subscribe` is under way.

import type { FeedPosition, Snapshot, Update } from "../../../generated/typescript/protocol.js";
import type { TidegateError } from "./errors.js";
import type { Link, Message } from "./link.js";
import { Live, type Query, queryKey, type Subscriptions } from "./live.js";
import type { Options } from "./options.js";

interface Entry {
  live: Live<never>;
  uses: number;
}

export class Queries implements Subscriptions {
  readonly #link: Link;
  readonly #keys: NonNullable<Options["keys"]>;
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<string, Set<Live<never>>>();
  #outdated = false;

  constructor(link: Link, keys: Options["keys"]) {
    this.#link = link;
    this.#keys = keys ?? {};
  }

  /** The copy for a query, new or shared. */
  watch(query: Query): Live<never> {
    const known = this.#entries.get(queryKey(query));
    if (known) {
      known.uses += 1;
      if (known.live.refused && this.#link.status === "open") known.live.subscribe();
      return known.live;
    }
    const key = this.#keys[query.resource] ?? "id";
    const live = new Live<never>(this.#link, query, typeof key === "string" ? [key] : key, this);
    this.#entries.set(queryKey(query), { live, uses: 1 });
    if (this.#link.status === "open") live.subscribe();
    return live;
  }

  /** Somebody who watched does so no longer. */
  release(live: Live<never>): void {
    const entry = this.#entries.get(queryKey(live.query));
    if (entry?.live !== live) return;
    entry.uses -= 1;
    this.#sweep();
  }

  /** Subscription `id` is `live`'s. Answers a copy that had it before: the gateway starts nothing new then. */
  adopt(live: Live<never>, id: string): Live<never> | undefined {
    const holders = this.#byId.get(id) ?? new Set();
    const [first] = holders;
    this.#byId.set(id, holders.add(live));
    return first;
  }

  /** The answer to a `subscribe` came. */
  answered(): void {
    if (this.#outdated) this.#startAnew();
    this.#sweep();
  }

  // -- the line -------------------------------------------------------------------------------------------------------

  opened(): void {
    for (const [key, { live, uses }] of this.#entries) {
      if (uses > 0) live.subscribe();
      else this.#entries.delete(key);
    }
  }

  lost(): void {
    this.#byId.clear();
    this.#outdated = false;
    for (const { live } of this.#entries.values()) live.cut();
  }

  closed(error: TidegateError): void {
    this.lost();
    for (const { live } of this.#entries.values()) live.end(error);
  }

  /** Throw all rows away: they belong to a user that this client no longer is. */
  forget(): void {
    for (const { live } of this.#entries.values()) live.forget();
  }

  /** On an open line, the gateway takes this client for somebody else, who may see other rows. */
  identityChanged(): void {
    this.forget();
    this.#outdated = true;
    this.#startAnew();
  }

  pushed(message: Message): void {
    if (message.type === "heartbeat") {
      const position = message.position as FeedPosition | undefined;
      if (position) for (const { live } of this.#entries.values()) live.reached(position);
      return;
    }
    const id = message.subscription as string;
    const holders = this.#byId.get(id) ?? [];
    if (message.type === "snapshot") for (const live of holders) live.page(message as unknown as Snapshot);
    if (message.type === "update") for (const live of holders) live.update(message as unknown as Update);
    if (message.type === "unsubscribed" && message.ref === undefined) {
      this.#byId.delete(id);
      for (const live of holders) live.withdraw();
    }
  }

  // -- within ---------------------------------------------------------------------------------------------------------

  /** Ask for everything again, as soon as nothing that was asked before is under way. */
  #startAnew(): void {
    const entries = [...this.#entries.values()];
    if (entries.some(({ live }) => live.asking)) return;
    this.#outdated = false;
    for (const id of this.#byId.keys()) this.#link.send({ type: "unsubscribe", subscription: id });
    this.#byId.clear();
    for (const { live } of entries) {
      live.forget();
      live.subscribe();
    }
  }

  /** Give up what nobody uses. An answer under way might be about the same subscription, so it is waited for. */
  #sweep(): void {
    const entries = [...this.#entries];
    const busy = new Set(entries.filter(([, { live }]) => live.asking).map(([, { live }]) => live.query.resource));
    for (const [key, { live, uses }] of entries) {
      if (uses > 0 || busy.has(live.query.resource)) continue;
      this.#entries.delete(key);
      this.#drop(live);
    }
  }

  #drop(live: Live<never>): void {
    const id = live.subscription;
    live.close();
    const holders = id === undefined ? undefined : this.#byId.get(id);
    if (id === undefined || !holders?.delete(live) || holders.size > 0) return;
    this.#byId.delete(id);
    this.#link.send({ type: "unsubscribe", subscription: id });
  }
}
