// What a copy of rows needs of its owner, and what `tidegate/optimistic` does to it where a program imports it. Only types.

import type { Row, Update } from "../../../../generated/typescript/protocol.js";
import type { Subscription } from "./subscription.js";

/** The program's own writes that are under way. */
export interface Overlay {
  /** `rows` of `subscription` with the writes on top; the same map if there is none. */
  over(subscription: Subscription<never>, rows: ReadonlyMap<string, Row>): ReadonlyMap<string, Row>;
  /** The rows of `subscription` changed; by an update its origin may be one of the writes. */
  heard(subscription: Subscription<never>, update: Update | undefined): void;
  /** Whether a new snapshot has to wait for the answer to a write, which it may have already. */
  holds(subscription: Subscription<never>): boolean;
  /** The client is another user: what is under way is not for it. */
  forget(): void;
}

/** Which copies hold which subscription; `Queries` keeps it. */
export interface SubscriptionIndex {
  readonly overlay: Overlay | undefined;
  /** `subscription` has the id `id`. Returns a copy that had it before: the gateway starts nothing for an equal one. */
  adopt(subscription: Subscription<never>, id: string): Subscription<never> | undefined;
  /** The copies of `id` need all rows. */
  renew(id: string): void;
  /** The answer to a `subscribe` came, whatever it was. */
  answered(): void;
  /** `subscription` cannot go on with what the gateway sends. */
  giveUp(subscription: Subscription<never>): void;
}
