// Writing what a program changed in a collection: through the gateway, and back through the live queries.
//
// TanStack shows a change at once and takes it back when its handler is done. So a handler is done only when the gateway
// has sent the change, or cannot send it any more; then the row does not flicker.
// Invariant: each write has an idempotency key, by which the live queries know it again after any number of reconnects.

import type { FeedPosition, Row, RowKey } from "../../../../generated/typescript/protocol.js";
import { idempotencyKey } from "../idempotency.js";
import type { ClientPort } from "../part.js";
import type { WireMessage } from "../wire.js";
import type { Shape } from "./shape.js";
import type { Demands, Returning } from "./subsets.js";

/** What TanStack says of a change. */
interface Mutation {
  original: object;
  modified: object;
  changes: object;
}

interface Write extends Pick<WireMessage, "type"> {
  id?: RowKey;
  ids?: RowKey[];
  data?: Row | Row[];
}

/** A change that concerns the live queries usually comes with the reply, or within this time. */
const USUAL_MS = 20;

/** The handlers of a collection of `resource`, whose live queries are those of `demands`. */
export function handlersOf(
  { link, request }: ClientPort,
  resource: string,
  shape: Shape,
  demands: Demands,
  returning: Returning,
) {
  /** Whether a live query brings changes back. Without one the gateway's position may stand still. */
  const isFollowed = () => [...demands.values()].some((live) => !live?.error);

  async function send(message: Write): Promise<void> {
    const key = idempotencyKey();
    const rows = [message.data ?? message.ids].flat();
    const back = new Set<string>();
    returning.set(key, back);
    try {
      const written = (await request({ ...message, resource, key })).position as FeedPosition;
      while (back.size < rows.length && isFollowed() && !link.ended) {
        await new Promise((resolve) => setTimeout(resolve, USUAL_MS));
        if (back.size === rows.length) return;
        // The gateway says how far it has sent changes: one that is not there then concerns no live query.
        const pong = await request({ type: "ping" }).catch(() => undefined);
        const reached = pong?.position as FeedPosition | undefined;
        if (reached && (reached.epoch !== written.epoch || reached.seq >= written.seq)) return;
      }
    } finally {
      returning.delete(key);
    }
  }

  const handler =
    (writes: (mutations: Mutation[]) => Write[]) =>
    ({ transaction }: { transaction: { mutations: Mutation[] } }) =>
      Promise.all(writes(transaction.mutations).map(send));

  return {
    onInsert: handler((all) => [{ type: "create", data: all.map(({ modified }) => shape.created(modified as Row)) }]),
    onUpdate: handler((all) =>
      all.map(({ original, changes }) => ({
        type: "update",
        id: shape.idOf(original as Row),
        data: shape.changed(changes as Row),
      })),
    ),
    onDelete: handler((all) => [{ type: "delete", ids: all.map(({ original }) => shape.idOf(original as Row)) }]),
  };
}
