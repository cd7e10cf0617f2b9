// What a test answers a message with. Only types.

import type { AppContract, Asked, PartsOf, RepliesOf } from "../types.js";

/** What an answer returns: the fields of the reply without `type` and `ref`, or a promise of them, or parts and then them. */
export type FakeAnswer<Reply, Part = never> =
  | Reply
  | Promise<Reply>
  | ([Part] extends [never] ? never : AsyncGenerator<Part, Reply>);

/** Nothing, where a message is only acknowledged. */
export type ReplyOf<A extends AppContract, T> = T extends keyof RepliesOf<A>
  ? RepliesOf<A>[T] extends { type: "ok" }
    ? undefined
    : Asked<RepliesOf<A>[T]>
  : undefined;
export type PartOf<A extends AppContract, T> = T extends keyof PartsOf<A> ? PartsOf<A>[T] : never;
