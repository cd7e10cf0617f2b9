// What requests with an idempotency key were answered.
//
// Invariant: the same request of a user with the same key is done once, and gets the same answer again.

import { isEqual } from "../rows/equal.js";
import type { WireMessage } from "../wire.js";
import { refuse } from "./refusals.js";

export class FakeKeys {
  readonly #answers = new Map<string, { readonly asked: object; readonly answer: unknown }>();

  /** Do what a message of `user` asks for, or give the answer to the same message before. Throws what `refuse` makes. */
  once<T>(user: string, message: WireMessage, work: () => T): T {
    if (message.key === undefined) return work();
    const name = JSON.stringify([user, message.key]);
    const asked = { ...message, ref: undefined };
    const known = this.#answers.get(name);
    if (known && !isEqual(known.asked, asked)) {
      const text = "this idempotency key was already used for a different request";
      throw refuse("conflict", text, { pointer: "/key" });
    }
    const answer = known ? (known.answer as T) : work();
    this.#answers.set(name, { asked, answer });
    return answer;
  }
}
