// refine's live provider: tells the hooks of a resource what changed in the database, few times however much changed.
//
// refine's hooks read again at each event, and subscribe once: filters that change later are not told. So each resource
// has one subscription to all its changes, and a hook gets all of them, or those of its `ids`.
// Invariant: each change leads to a read that begins after it, unless refine makes that read by itself (own writes) or
// `patch` put the change into the cache.

import type { BaseKey, LiveEvent, LiveProvider } from "@refinedev/core";
import type { FeedPosition, Row, RowKey } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { portOf } from "../part.js";
import { isKnown } from "../positions.js";
import type { Room } from "../room.js";
import type { Change } from "../rows/query.js";
import { queriesOf } from "../rows/resource.js";
import type { AppContract } from "../types.js";
import { type Table, tableOf } from "./table.js";

/** Puts a change into refine's cache; false where refine has to read again. */
export type Patch = (change: Change<Row>, table: Table) => boolean;

export interface LiveProviderOptions {
  /** Puts changes into the cache instead of reading again: `patchQueries(queryClient)`. */
  patch?: Patch;
  /** The room, which the program joins, for the events of other channels than `resources/...`. Without it there is no `publish`. */
  room?: Room<LiveEvent>;
}

type Asked = Parameters<LiveProvider["subscribe"]>[0];
/** A change, and where it is in the change feed. */
type Placed = Change<Row> & { at: FeedPosition | undefined };
/** The changes of one type, by the ids of their rows. */
type Rows = Map<BaseKey, Change<Row>>;

const PREFIX = "resources/";
/** After the first event come the next ones when it was quiet for so long, but at the latest after `LATEST_MS`. */
const QUIET_MS = 100;
const LATEST_MS = 1000;
/** Before everything. */
const NOWHERE: FeedPosition = { epoch: "", seq: 0 };

/** A live provider for `<Refine>`. */
export function liveProvider<A extends AppContract>(
  client: Client<A>,
  { patch, room }: LiveProviderOptions = {},
): LiveProvider {
  const channels: Record<string, (asked: Asked) => () => void> = {};
  return {
    subscribe(asked) {
      const { channel, callback } = asked;
      if (channel.startsWith(PREFIX)) {
        channels[channel] ??= channelOf(client, channel.slice(PREFIX.length), patch);
        return channels[channel](asked);
      }
      return room?.on("message", ({ data }) => {
        if (data.channel === channel && isAsked(asked, data.type)) callback({ ...data, date: new Date(data.date) });
      });
    },
    unsubscribe: (stop?: () => void) => stop?.(),
    // refine publishes the writes of its hooks too: all pages get those from the database.
    ...(room && {
      publish: (event) => void (event.channel.startsWith(PREFIX) || room.send(event).catch(console.error)),
    }),
  };
}

function isAsked({ types }: Asked, type: string): boolean {
  return types.includes("*") || types.includes(type);
}

/** The news of one resource, for all hooks that follow it. Returns `subscribe`, which returns the function that ends it. */
function channelOf(client: object, resource: string, patch: Patch | undefined): (asked: Asked) => () => void {
  const queries = queriesOf(portOf(client));
  const table = tableOf(client, resource);
  // Without a contract, only the key.
  const all = Object.keys(table.types);
  const fields = all[0] ? all : table.keys;
  const listeners = new Set<(type: string, rows: Rows) => void>();
  let stop = () => {};
  let changes: Placed[] = [];
  /** Where the changes begin: what was read before may be old. */
  let begun: FeedPosition | undefined;
  let told = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether news is due, and waits for the end of a read. */
  let waits = false;

  const start = () => {
    begun = table.first = undefined;
    const copy = queries.watch({ resource, fields, changesOnly: true });
    const ignore = copy.on("update", (change) => changed({ ...change, at: copy.since?.position }));
    stop = () => {
      ignore();
      queries.release(copy);
    };
  };

  const changed = (change: Placed) => {
    if (change.action === "reset") {
      if (begun) table.first = NOWHERE;
      begun = change.at;
      // A read that is under way may be older than this change, and refine then starts no other.
    } else if (table.reads > 0 || !table.own.includes(change.origin)) changes.push(change);
    else return;
    const due = told + LATEST_MS - Date.now();
    clearTimeout(timer);
    if (due > 0) timer = setTimeout(tell, Math.min(QUIET_MS, due));
    else queueMicrotask(tell);
  };

  const tell = () => {
    waits = table.reads > 0;
    if (waits) return;
    const news: Record<string, Rows> = {};
    if (begun && table.first && !isKnown(table.first, begun)) {
      news["*"] = new Map();
      table.first = undefined;
    } else {
      for (const change of changes) {
        const { action, key, origin, at } = change;
        // What the last read saw already is not put into a query once more.
        const isRead = at && isKnown(table.last, at);
        if (isRead ? table.own.includes(origin) : patch?.(change, table)) continue;
        const type = `${action}d`;
        news[type] ??= new Map();
        news[type].set(table.id(key as RowKey), change);
      }
    }
    changes = [];
    for (const [type, rows] of Object.entries(news)) {
      told = Date.now();
      for (const listener of listeners) listener(type, rows);
    }
  };

  table.idle.add(() => {
    // A turn later, when refine has the answer in its cache.
    if (waits) setTimeout(tell);
  });
  return (asked) => {
    const { channel, params, callback } = asked;
    const wanted = params?.ids?.map(String) ?? [];
    const listener = (type: string, rows: Rows) => {
      const ids = [...rows.keys()].filter((id) => !wanted[0] || wanted.includes(String(id)));
      const { row } = (!ids[1] && rows.get(ids[0] as BaseKey)) || {};
      const payload = { ids, ...(row && { row: table.named(row) }) };
      const isWanted = type === "*" || (ids[0] !== undefined && isAsked(asked, type));
      if (isWanted) callback({ channel, type, payload, date: new Date() });
    };
    if (listeners.size === 0) start();
    listeners.add(listener);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) stop();
    };
  };
}
