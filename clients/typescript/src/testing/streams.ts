// The answers of a fake gateway that come in parts.
//
// Invariant: what yields the parts is closed when its client cancels or is gone.

import type { FakeConnection } from "./connection.js";
import { refuse } from "./refusals.js";

export class FakeStreams {
  readonly #streams = new Map<string, { readonly parts: AsyncGenerator; cancelled: boolean }>();

  /** Send the parts of a generator. Returns what it returns, which is the reply. */
  async run(connection: FakeConnection, ref: unknown, parts: AsyncGenerator): Promise<unknown> {
    const stream = { parts, cancelled: false };
    const name = nameOf(connection, ref);
    this.#streams.set(name, stream);
    try {
      for (;;) {
        const { done, value } = await parts.next();
        if (stream.cancelled) throw refuse("cancelled", "the client cancelled the request");
        if (done) return value;
        connection.push("part", { ref, data: value });
      }
    } finally {
      this.#streams.delete(name);
    }
  }

  /** The client wants no more of what it asked with `ref`. */
  cancel(connection: FakeConnection, ref: unknown): void {
    this.#cancel(nameOf(connection, ref));
  }

  /** The connection is gone. */
  left({ id }: FakeConnection): void {
    for (const name of [...this.#streams.keys()]) if (name.startsWith(`${id} `)) this.#cancel(name);
  }

  #cancel(name: string): void {
    const stream = this.#streams.get(name);
    if (!stream) return;
    stream.cancelled = true;
    void stream.parts.return(undefined);
  }
}

function nameOf({ id }: FakeConnection, ref: unknown): string {
  return `${id} ${JSON.stringify(ref)}`;
}

export function isStream(answered: unknown): answered is AsyncGenerator {
  return typeof answered === "object" && answered !== null && Symbol.asyncIterator in answered;
}
