// The subscriptions of a client: which copies of rows there are, and which push is for which copy.
//
// Equal queries share a copy. That two filters are equal in another spelling shows only in the id that the gateway
// answers: then two copies share one id.
// A copy stays for a moment after its last live query, so that the next equal one shows rows at once.
// Invariant: the client unsubscribes when the last copy is given up, and never while an equal `subscribe` is under way.

import type { FeedPosition } from "../../../../generated/typescript/protocol.js";
import type { TidegateError } from "../errors.js";
import type { Link } from "../link.js";
import { type Clock, type Options, systemClock } from "../options.js";
import type { Part } from "../part.js";
import type { WireMessage } from "../wire.js";
import { type Query, queryKey } from "./query.js";
import { type Overlay, type Push, Subscription, type SubscriptionIndex } from "./subscription.js";

type Copy = Subscription<never>;

/** How long a copy stays without a live query. */
const KEPT_MS = 5000;

export class Queries implements SubscriptionIndex, Part {
  declare overlay: Overlay | undefined;
  readonly #link: Link;
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #copies = new Map<string, Copy>();
  /** Whether the copies are those of another user, and an answer is under way that has to come first. */
  #outdated = false;

  constructor(link: Link, options: Options) {
    this.#link = link;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** The key's properties of a resource. */
  keyOf(resource: string, key?: string | readonly string[]): readonly string[] {
    const { keys, resources } = this.#options;
    return [key ?? keys?.[resource] ?? resources?.[resource]?.key ?? "id"].flat();
  }

  /** All copies of a resource. */
  of(resource: string): Copy[] {
    return this.#all(({ about }) => about.resource === resource);
  }

  /** The copy for a query, new or shared. */
  watch(query: Query): Copy {
    const known = this.#copies.get(queryKey(query));
    const copy = known ?? this.#add(query);
    copy.uses += 1;
    this.#stopKeeping(copy);
    if (this.#link.status === "open" && (!known || known.error)) copy.subscribe();
    return copy;
  }

  /** A live query of `copy` is closed. */
  release(copy: Copy): void {
    copy.uses -= 1;
    if (copy.uses === 0 && copy.ready && !copy.error) {
      copy.kept = this.#clock.setTimeout(() => {
        this.#stopKeeping(copy);
        this.#sweep();
      }, KEPT_MS);
    } else this.#sweep();
  }

  // -- what a copy tells ----------------------------------------------------------------------------------------------

  equal(copy: Copy): Copy | undefined {
    const others = this.#all((other) => other !== copy && other.id === copy.id);
    return others.find(({ partial }) => !partial) ?? others[0];
  }

  renew(id: string): void {
    this.#restart((copy) => copy.id === id, false);
  }

  answered(): void {
    if (this.#outdated) this.#replaceAll();
    this.#sweep();
  }

  /** Tell the gateway, unless another copy has the same id. */
  unsubscribe(copy: Copy): void {
    if (!this.equal(copy)) this.#post(copy.id);
    copy.id = undefined;
  }

  // -- the connection -------------------------------------------------------------------------------------------------

  opened(another: boolean): void {
    if (another) this.#forget();
    for (const [name, copy] of this.#copies) {
      if (copy.isWanted) copy.subscribe();
      else this.#copies.delete(name);
    }
  }

  lost(): void {
    this.#outdated = false;
    for (const copy of this.#all()) copy.cut();
  }

  /** The client has ended; `quiet` if the program closed it. */
  closed(error: TidegateError, quiet: boolean): void {
    for (const copy of this.#all()) {
      this.#stopKeeping(copy);
      copy.end(error, quiet);
    }
  }

  /** On an open connection, the gateway takes this client for another user, who may see other rows. */
  identityChanged(): void {
    this.#forget();
    this.#outdated = true;
    this.#replaceAll();
  }

  pushed(message: WireMessage): void {
    const { type, subscription, position, ref } = message;
    if (type === "heartbeat" && position) for (const copy of this.#all()) copy.reached(position as FeedPosition);
    if (!subscription) return;
    for (const copy of this.#all(({ id }) => id === subscription)) {
      if (type === "snapshot" || type === "update") {
        const push = message as unknown as Push;
        if (!this.overlay?.holds(copy, push)) copy.received(push);
      } else if (type === "unsubscribed" && ref === undefined) copy.withdraw();
    }
  }

  // -- within ---------------------------------------------------------------------------------------------------------

  #all(isMeant: (copy: Copy) => boolean = () => true): Copy[] {
    return [...this.#copies.values()].filter(isMeant);
  }

  #add(query: Query): Copy {
    if (this.#copies.size >= (this.#link.welcome?.limits?.max_subscriptions ?? Infinity)) {
      // The gateway has a limit: give up what only stays.
      this.#all().forEach(this.#stopKeeping, this);
      this.#sweep();
    }
    const copy: Copy = new Subscription(this.#link, query, this.keyOf(query.resource, query.key), this);
    this.#copies.set(queryKey(query), copy);
    return copy;
  }

  /** Throw all rows away: they belong to a user that this client no longer is. */
  #forget(): void {
    this.overlay?.forget();
    for (const copy of this.#all()) copy.forget();
  }

  /** Ask for everything again, as soon as nothing that was asked before is under way. */
  #replaceAll(): void {
    if (this.#all(({ asking }) => asking).length) return;
    this.#outdated = false;
    this.#restart();
  }

  /** Ask again for the rows of these copies; `partial`: whether all are content with the changes. */
  #restart(isMeant?: (copy: Copy) => boolean, partial?: boolean): void {
    const copies = this.#all(isMeant);
    for (const id of new Set(copies.map((copy) => copy.id))) this.#post(id);
    for (const copy of copies) {
      copy.forget(partial);
      copy.subscribe();
    }
  }

  /** Give up the copies without a live query, but not while an answer under way might be about the same subscription. */
  #sweep(): void {
    const busy = this.#all(({ asking }) => asking).map(({ about }) => about.resource);
    for (const [name, copy] of this.#copies) {
      if (copy.isWanted || busy.includes(copy.about.resource)) continue;
      this.#copies.delete(name);
      this.unsubscribe(copy);
    }
  }

  #stopKeeping(copy: Copy): void {
    this.#clock.clearTimeout(copy.kept as never);
    copy.kept = undefined;
  }

  #post(subscription: string | undefined): void {
    if (subscription) this.#link.post({ type: "unsubscribe", subscription });
  }
}
