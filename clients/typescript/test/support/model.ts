// A gateway with one table in memory, which says the next thing only when a test lets it.
//
// It follows docs/reference/protocol.md: one log, a reply for each request, snapshots in pages, recovery from a position,
// idempotency keys. Everything between the two ends of a connection waits in a queue, and a broken connection loses it.

import type { Row, SortTerm } from "../../../../generated/typescript/protocol.js";
import type { Options, Socket } from "../../src/index.js";
import type { WireMessage } from "../../src/wire.js";

export interface Entry {
  seq: number;
  id: number;
  /** The how-manieth row of its write it is. */
  at: number;
  before: Row | undefined;
  after: Row | undefined;
  origin: string | undefined;
}

interface Subscribed {
  id: string;
  isMatch(row: Row): boolean;
  at: number;
}

export const DEFAULTS = { done: false, rank: 0 };
const USER = { id: "7", name: "Ann", roles: [], anonymous: false };
const LIMITS = { max_message: 65536, max_rooms: 9, max_subscriptions: 9, max_page: 9, max_history: 9, max_ids: 9 };

/** `list` of the model: for filters with plain values. */
export function select(rows: Iterable<Row>, filters: Row, sort: readonly SortTerm[]): Row[] {
  const found = [...rows].filter((row) => isMatch(row, filters));
  return found.sort((a, b) => {
    for (const { field, order } of [...sort, { field: "id", order: "asc" }]) {
      const [one, other] = [a[field] as number, b[field] as number];
      if (one !== other) return one < other === (order !== "desc") ? -1 : 1;
    }
    return 0;
  });
}

function isMatch(row: Row, filters: Row): boolean {
  return Object.entries(filters).every(([name, value]) => row[name] === value);
}

export class Model {
  readonly log: Entry[] = [];
  readonly table = new Map<number, Row>();
  readonly WebSocket: NonNullable<Options["WebSocket"]>;
  /** The writes that the next ones of the program will be refused with. */
  refusals = 0;
  /** The next subscriptions get a snapshot, though they name a position. */
  isPruned = false;
  line: Line | undefined;
  /** Called before the program gets a message; `about` is the key of the write that it answers. */
  delivered: (message: WireMessage) => void = () => {};
  readonly #states: ReadonlyMap<number, Row>[] = [new Map()];
  readonly #answers = new Map<unknown, WireMessage>();
  #ids = 0;

  constructor() {
    const model = this;
    this.WebSocket = class extends Line {
      constructor() {
        super(model);
        model.line = this;
      }
    };
  }

  get head(): number {
    return this.log.length;
  }

  /** The table after the first `seq` changes. */
  state(seq: number): ReadonlyMap<number, Row> {
    for (const { id, after } of this.log.slice(this.#states.length - 1, seq)) {
      const rows = new Map(this.#states.at(-1));
      if (after) rows.set(id, after);
      else rows.delete(id);
      this.#states.push(rows);
    }
    return this.#states[seq] as ReadonlyMap<number, Row>;
  }

  write(message: WireMessage): WireMessage {
    const known = this.#answers.get(message.key);
    if (known) return known;
    const answer = this.#write(message);
    this.#answers.set(message.key, answer);
    return answer;
  }

  #write({ type, key, ...message }: WireMessage): WireMessage {
    if (this.refusals > 0) {
      this.refusals -= 1;
      return { type: "error", code: "forbidden", message: "no", temporary: false };
    }
    const made: Row[] = [];
    const ids = type === "create" ? [undefined] : ((message.ids ?? [message.id]) as number[]);
    const olds = ids.map((id) => (id === undefined ? undefined : this.table.get(id)));
    if (type !== "create" && olds.includes(undefined)) return refusal("not_found");
    if (message.if && !olds.every((old) => isMatch(old as Row, message.if as Row))) return refusal("conflict");
    for (const [at, old] of olds.entries()) {
      for (const data of type === "create" ? [message.data].flat() : [message.data]) {
        if (type === "create") this.#ids += 1;
        const id = ids[at] ?? this.#ids;
        const after = type === "delete" ? undefined : { ...(old ?? { id, ...DEFAULTS }), ...(data as Row) };
        if (after) this.table.set(id, after);
        else this.table.delete(id);
        this.log.push({
          seq: this.head + 1,
          id,
          at: made.length,
          before: old,
          after,
          origin: key as string | undefined,
        });
        made.push(after ?? { id });
      }
    }
    return { type: "rows", rows: made, position: this.position(this.head) };
  }

  position(seq: number) {
    return { epoch: "e", seq };
  }
}

function refusal(code: string): WireMessage {
  return { type: "error", code, message: "no", temporary: false };
}

/** One connection. The program's messages wait in `asked`, the gateway's in `told`. */
export class Line implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly asked: WireMessage[] = [];
  readonly told: WireMessage[] = [];
  readonly #subscriptions: Subscribed[] = [];
  readonly #model: Model;
  #dispatched: number;

  constructor(model: Model) {
    this.#model = model;
    this.#dispatched = model.head;
    const welcome = { protocol: 1, connection: "c", user: USER, heartbeat: 25, limits: LIMITS, contract: "" };
    this.told.push({ type: "welcome", position: model.position(model.head), ...welcome });
  }

  send(data: string): void {
    this.asked.push(JSON.parse(data));
  }

  close(): void {}

  break(): void {
    this.#model.line = undefined;
    this.onclose?.({ code: 4201, reason: "" } as never);
  }

  /** The gateway takes the next message of the program. */
  answer(): void {
    const message = this.asked.shift();
    if (!message) return;
    const { ref } = message;
    if (message.type === "subscribe") this.#subscribe(message);
    else if (message.type === "ping") this.told.push({ type: "pong", time: 0, ref: ref as string });
    else if (message.type !== "unsubscribe")
      this.told.push({ ...this.#model.write(message), ref: ref as string, about: message.key });
  }

  /** The gateway reads the next change of the log. */
  dispatch(): boolean {
    const entry = this.#model.log[this.#dispatched];
    if (!entry) return false;
    this.#dispatched += 1;
    for (const one of this.#subscriptions) if (one.at < entry.seq) this.#update(one, entry);
    return true;
  }

  heartbeat(): void {
    this.told.push({ type: "heartbeat", time: 0, position: this.#model.position(this.#dispatched) });
  }

  /** The next message of the gateway arrives. */
  deliver(): boolean {
    const message = this.told.shift();
    if (!message) return false;
    this.#model.delivered(message);
    this.onmessage?.({ data: JSON.stringify(message) } as never);
    return true;
  }

  #subscribe({ filters = {}, since, ref }: WireMessage): void {
    const model = this.#model;
    const id = `s${this.#subscriptions.length + 1}`;
    const from = since as { seq: number } | undefined;
    const recovers = from && !model.isPruned;
    const one = { id, at: recovers ? from.seq : model.head, isMatch: (row: Row) => isMatch(row, filters as Row) };
    this.#subscriptions.push(one);
    const mode = recovers ? "recovered" : "snapshot";
    this.told.push({
      type: "subscribed",
      ref: ref as string,
      subscription: id,
      position: model.position(one.at),
      mode,
    });
    if (recovers) {
      for (const entry of model.log.slice(one.at, this.#dispatched)) this.#update(one, entry);
      return;
    }
    const rows = select(model.table.values(), filters as Row, []);
    const half = Math.ceil(rows.length / 2);
    this.told.push({ type: "snapshot", subscription: id, rows: rows.slice(0, half), reset: true, done: false });
    const last = { rows: rows.slice(half), reset: false, done: true, position: model.position(model.head) };
    this.told.push({ type: "snapshot", subscription: id, ...last });
  }

  #update({ id, isMatch }: Subscribed, { seq, before, after, origin, id: key }: Entry): void {
    const [was, is] = [before && isMatch(before), after && isMatch(after)];
    if (!was && !is) return;
    const action = is ? (was ? "update" : "create") : "delete";
    const update = { action, data: is ? after : { id: key }, position: this.#model.position(seq), origin };
    this.told.push({ type: "update", subscription: id, resource: "tasks", ...update });
  }
}
