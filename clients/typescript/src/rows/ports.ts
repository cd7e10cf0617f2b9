// What a copy of rows needs of its owner, and what `tidegate/optimistic` does to it where a program imports it. Only types.

import type { Row, Snapshot, Update } from "../../../../generated/typescript/protocol.js";
import type { Subscription } from "./subscription.js";

/** What the gateway sends about the rows of a subscription. */
export type Push = Snapshot | Update;

/** A complete snapshot, and what came after it, until these writes are answered. */
export interface Held {
  pushes: Push[];
  until: readonly { isAnswered: boolean }[];
}

/** The program's own writes that are under way. */
export interface Overlay {
  /** The rows of `copy` with the writes on top. */
  over(copy: Subscription<never>): ReadonlyMap<string, Row>;
  /** The copy is about to get `push`, whose origin may be one of the writes. Returns whether the push has to wait. */
  holds(copy: Subscription<never>, push: Push): boolean;
  /** The client is another user: what is under way is not for it. */
  forget(): void;
}

/** Which copies hold which subscription; `Queries` keeps it. */
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
