// What `tidegate/optimistic` does to the copies of rows, where a program imports it. Only types.

import type { Row, Update } from "../../../../generated/typescript/protocol.js";
import type { Subscription } from "./subscription.js";

/** The program's own writes that are under way. */
export interface Overlay {
  /** `rows` of `subscription` with the writes on top; the same map if there is none. */
  over(subscription: Subscription<never>, rows: ReadonlyMap<string, Row>): ReadonlyMap<string, Row>;
  /** An update came whose origin may be one of the writes. */
  heard(subscription: Subscription<never>, update: Update): void;
  /** Whether a new snapshot has to wait: it may hold a row of a write whose key is not known yet. */
  holds(subscription: Subscription<never>): boolean;
}
