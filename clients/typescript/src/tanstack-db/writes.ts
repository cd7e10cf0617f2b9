// Writing what a program changed in a collection: through the gateway, and back through the live queries.
//
// TanStack shows a change at once and takes it back when its handler is done. So a handler is done only when the gateway
// has sent the change, or cannot send it any more; then the row does not flicker.
// Invariant: each write has an idempotency key, by which the live queries know it again after any number of reconnects.

import type { FeedPosition, Row, RowKey } from "../../../../generated/typescript/protocol.js";
import { idempotencyKey } from "../idempotency.js";
import type { ClientPort } from "../part.js";
import { isKnown } from "../positions.js";
import type { Key, Shape } from "./shape.js";

/** What TanStack gives to a handler. */
interface Given {
  transaction: { mutations: { original: object; modified: object; changes: object }[] };
}

/** Changes that concern the live queries are there within this time, usually. */
const USUAL_MS = 50;

/** The handlers of a collection of `resource`; `isLive` says whether it has live queries at present. */
export function writesTo({ link, request }: ClientPort, resource: string, shape: Shape, isLive: () => boolean) {
  /** The writes under way: what to call for each row that has come back. */
  const heard = new Map<string, (row: Key) => void>();

  async function write(message: { type: string; ids?: RowKey[]; data?: unknown }, rows: number): Promise<void> {
    const key = idempotencyKey();
    const back = new Set<Key>();
    const returned = new Promise<void>((resolve) => {
      heard.set(key, (row) => back.add(row).size >= rows && resolve());
    });
    try {
      const { position } = await request({ ...message, resource, key });
      await Promise.race([returned, passed(position as FeedPosition, () => heard.has(key) && isLive() && !link.ended)]);
    } finally {
      heard.delete(key);
    }
  }

  /** Wait until the gateway has sent everything up to `position`: a change that is not there then never comes. */
  async function passed(position: FeedPosition, isWaiting: () => boolean): Promise<void> {
    while (isWaiting()) {
      await new Promise((resolve) => setTimeout(resolve, USUAL_MS));
      const pong = isWaiting() && (await request({ type: "ping" }).catch(() => undefined));
      const reached = pong ? (pong.position as FeedPosition | undefined) : undefined;
      if (reached && (reached.epoch !== position.epoch || isKnown(reached, position))) return;
    }
  }

  return {
    /** A live query has the change of one row that the write `origin` made. */
    heard: (origin: string, row: Key) => heard.get(origin)?.(row),

    insert({ transaction: { mutations } }: Given): Promise<void> {
      const data = mutations.map(({ modified }) => shape.created(modified as Row));
      return write({ type: "create", data }, data.length);
    },

    /** Rows with equal changes go in one message, which changes all of them or none. */
    async update({ transaction: { mutations } }: Given): Promise<void> {
      const groups = new Map<string, RowKey[]>();
      for (const { original, changes } of mutations) {
        const data = JSON.stringify(shape.changed(changes as Row));
        groups.set(data, [...(groups.get(data) ?? []), shape.idOf(original as Row)]);
      }
      const writes = [...groups].map(([data, ids]) =>
        write({ type: "update", ids, data: JSON.parse(data) }, ids.length),
      );
      // A refusal takes all changes back, so it waits until the others have come.
      await Promise.allSettled(writes);
      await Promise.all(writes);
    },

    delete({ transaction: { mutations } }: Given): Promise<void> {
      const ids = mutations.map(({ original }) => shape.idOf(original as Row));
      return write({ type: "delete", ids }, ids.length);
    },
  };
}
