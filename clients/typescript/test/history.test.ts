// Optimistic writes over random histories: own writes, writes of others, refusals, and connections that break at any moment.
//
// Whatever happens, a live query shows some prefix of the change feed with the writes of the program that are not in it, and
// that it was not told to be refused, on top, in their order. The prefixes never go back. In the end the rows are those of the table.
// TIDEGATE_HISTORIES=100000 plays more histories, and TIDEGATE_HISTORY=7 one of them.

import { describe, expect, it } from "vitest";
import type { Row } from "../../../generated/typescript/protocol.js";
import { connect, type LiveQuery, resource } from "../src/index.js";
import { optimistic } from "../src/optimistic/index.js";
import type { WireMessage } from "../src/wire.js";
import { DEFAULTS, type Entry, Model, select } from "./support/model.js";

const COUNT = Number(process.env.TIDEGATE_HISTORIES ?? 1000);
const ONLY = process.env.TIDEGATE_HISTORY;
const STEPS = 32;
const RESOURCES = {
  tasks: {
    key: ["id"],
    types: { id: "integer", tag: "string", done: "boolean", rank: "integer" },
    defaults: DEFAULTS,
    assigned: true,
  },
} as const;
const QUERIES = [
  { filters: {}, sort: [{ field: "rank", order: "desc" }], limit: 5 },
  { filters: { done: false }, sort: [], limit: undefined },
] as const;

/** mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A write of the program, as the history knows it. */
interface Own {
  type: "create" | "update" | "delete";
  key: string;
  ids: number[];
  data: Row[];
  expect: Row | undefined;
  /** The keys of new rows: invented, until the program was told them. */
  isRefused: boolean;
}

class History {
  readonly model = new Model();
  readonly #chance: () => number;
  readonly #timers: (() => void)[] = [];
  readonly #own: Own[] = [];
  readonly #lives: LiveQuery<Row>[] = [];
  readonly #prefixes = QUERIES.map(() => 0);
  readonly #client;
  #wrong: Error | undefined;
  #tags = 0;
  #invented = 0;
  readonly #trace: string[] = [];

  constructor(seed: number) {
    this.#chance = random(seed);
    const clock = {
      now: () => 0,
      setTimeout: (act: () => void, milliseconds: number) => {
        if (milliseconds < 5000) this.#timers.push(act); // no request times out, and no line is silent for too long
        return act;
      },
      clearTimeout: (act: never) => {
        if (this.#timers.includes(act)) this.#timers.splice(this.#timers.indexOf(act), 1);
      },
    };
    const options = { WebSocket: this.model.WebSocket, clock, random: () => 0.5, resources: RESOURCES };
    this.#client = optimistic(connect("ws://model.test/ws", options));
    this.model.delivered = (message) => this.#delivered(message);
    for (let made = this.#pick(4); made > 0; made -= 1) this.#foreign();
    for (const query of QUERIES) {
      const live = resource(this.#client, "tasks").subscribe(query) as LiveQuery<Row>;
      live.on("change", () => this.#look());
      this.#lives.push(live);
    }
  }

  #pick(count: number): number {
    return Math.floor(this.#chance() * count);
  }

  async play(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      this.#step();
      await turn();
      this.#check();
    }
    this.model.refusals = 0;
    for (let rounds = 0; this.#settle(); rounds += 1) {
      await turn();
      this.#check();
      if (rounds > 2000) throw new Error("the history does not end");
    }
    this.#end();
    this.#client.close();
    await turn();
  }

  #step(): void {
    const { line } = this.model;
    const steps = [
      () => this.#write(),
      () => this.#foreign(),
      () => line?.answer(),
      () => line?.answer(),
      () => line?.dispatch(),
      () => line?.dispatch(),
      () => line?.deliver(),
      () => line?.deliver(),
      () => line?.deliver(),
      () => this.#timers.shift()?.(),
      () => this.#chance() < 0.3 && line?.heartbeat(),
      () => this.#chance() < 0.4 && line?.break(),
      () => {
        if (this.#chance() < 0.2) this.model.refusals = 1;
      },
      () => {
        this.model.isPruned = this.#chance() < 0.5;
      },
    ];
    steps[this.#pick(steps.length)]?.();
  }

  /** Let everything happen that is under way; false when nothing is. */
  #settle(): boolean {
    const { line } = this.model;
    if (line?.deliver() || line?.dispatch()) return true;
    if (line?.asked.length) line.answer();
    else if (this.#timers.length > 0) this.#timers.shift()?.();
    else return false;
    return true;
  }

  // -- writes ---------------------------------------------------------------------------------------------------------

  #row(): Row {
    this.#tags += 1;
    return { tag: `t${this.#tags}`, ...(this.#chance() < 0.5 && { rank: this.#pick(5) }), done: this.#chance() < 0.3 };
  }

  #change(): Row {
    return this.#chance() < 0.5 ? { done: this.#chance() < 0.5 } : { rank: this.#pick(5) };
  }

  /** The keys of rows that the program sees, or saw. */
  #ids(count: number): number[] {
    const known = [...new Set([1, 2, ...this.model.log.map(({ id }) => id)])];
    return Array.from({ length: count }, () => known.splice(this.#pick(known.length), 1)[0] as number);
  }

  #write(): void {
    const tasks = resource(this.#client, "tasks");
    const key = `k${this.#own.length}`;
    const many = this.#chance() < 0.2;
    const kind = this.#pick(5);
    const expected = this.#chance() < 0.2 ? { done: false } : undefined;
    const own: Own = { type: "update", key, ids: [], data: [], expect: expected, isRefused: false };
    this.#own.push(own);
    let done: Promise<unknown>;
    if (kind < 2) {
      Object.assign(own, {
        type: "create",
        expect: undefined,
        data: many ? [this.#row(), this.#row()] : [this.#row()],
      });
      own.ids = own.data.map(() => --this.#invented);
      done = many ? tasks.createMany(own.data, { key }) : tasks.create(own.data[0] as Row, { key });
    } else {
      own.ids = this.#ids(many ? 2 : 1);
      const options = { key, expect: expected };
      const [id] = own.ids as [number];
      if (kind < 4) {
        own.data = [this.#change()];
        const [data] = own.data as [Row];
        done = many ? tasks.updateMany(own.ids, data, options) : tasks.update(id, data, options);
      } else {
        own.type = "delete";
        done = many ? tasks.deleteMany(own.ids, options) : tasks.delete(id, options);
      }
    }
    this.#trace.push(`write ${JSON.stringify(own)}`);
    done.catch(() => {});
  }

  /** What the program learns about its writes. */
  #delivered({ type, about, origin, rows, data, ...more }: WireMessage): void {
    this.#trace.push(JSON.stringify({ type, about, origin, rows, data, ...more }));
    const own = this.#own.find(({ key }) => key === about || key === origin);
    if (!own) return;
    own.isRefused ||= type === "error";
    for (const row of [data ?? rows ?? []].flat() as Row[]) {
      const at = own.data.findIndex(({ tag }) => tag === row.tag);
      if (own.type === "create" && at >= 0) own.ids[at] = row.id as number;
    }
  }

  #foreign(): void {
    const { table } = this.model;
    const [id] = table.size > 0 ? [[...table.keys()][this.#pick(table.size)]] : [];
    const refusals = this.model.refusals;
    this.model.refusals = 0;
    const kind = this.#pick(4);
    const key = `foreign ${this.model.head}`;
    if (id === undefined || kind < 2) this.model.write({ type: "create", data: this.#row(), key });
    else if (kind < 3) this.model.write({ type: "update", id, data: this.#change(), key });
    else this.model.write({ type: "delete", id, key });
    this.model.refusals = refusals;
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  /** As `check`, within the client: what is wrong is thrown later. */
  #look(): void {
    try {
      this.#check();
    } catch (error) {
      this.#wrong ??= error as Error;
    }
  }

  #check(): void {
    if (this.#wrong) throw this.#wrong;
    for (const [at, live] of this.#lives.entries()) {
      if (!live.ready || this.#isBlind(at)) continue;
      const shown = JSON.stringify(live.rows.map(anonymous));
      const from = this.#prefixes[at] as number;
      let prefix = from;
      while (prefix <= this.model.head && this.#expected(at, prefix) !== shown) prefix += 1;
      if (prefix > this.model.head) {
        const candidates = Array.from({ length: this.model.head + 1 - from }, (_, more) =>
          this.#expected(at, from + more),
        );
        throw new Error(
          `query ${at} shows\n  ${shown}\nwhich is none of\n  ${candidates.join("\n  ")}\nafter\n  ${this.#trace.join("\n  ")}`,
        );
      }
      this.#prefixes[at] = prefix;
    }
  }

  /** Rows that do not match a query are known from the first one only: not while one of them knows more than the other. */
  #isBlind(at: number): boolean {
    const [first, here] = [this.#lives[0], this.#lives[at]].map((live) => live?.position?.seq ?? -1) as [
      number,
      number,
    ];
    const { filters } = QUERIES[at] as (typeof QUERIES)[0];
    const isMissed = ({ before = {}, after = {} }: Entry) => select([before, after], filters, []).length;
    return at > 0 && (first < here || here < 0 || this.model.log.slice(here, first).some(isMissed));
  }

  /** What query `at` shows at this prefix of the feed. */
  #expected(at: number, prefix: number): string {
    const rows = new Map(this.model.state(prefix));
    const known = new Set(this.model.log.slice(0, prefix).map(({ origin, at: of }) => `${origin} ${of}`));
    for (const own of this.#own) {
      const left = own.ids.map((_, of) => of).filter((of) => !known.has(`${own.key} ${of}`));
      if (!own.isRefused) this.#apply(own, left, rows);
    }
    const { filters, sort, limit } = QUERIES[at] as (typeof QUERIES)[0];
    return JSON.stringify(select(rows.values(), filters, sort).slice(0, limit).map(anonymous));
  }

  /** The rows of a write that are not in the feed yet, on top of `rows`. */
  #apply({ type, ids, data, expect: expected }: Own, left: number[], rows: Map<number, Row>): void {
    const isWrong = (old: Row | undefined) =>
      old && expected && Object.entries(expected).some(([k, v]) => old[k] !== v);
    if (left.some((of) => isWrong(rows.get(ids[of] as number)))) return;
    for (const of of left) {
      const id = ids[of] as number;
      const old = rows.get(id);
      if (type === "create") rows.set(id, { id, ...DEFAULTS, ...data[of] });
      else if (type === "delete") rows.delete(id);
      else if (old) rows.set(id, { ...old, ...data[0] });
    }
  }

  #end(): void {
    for (const [at, live] of this.#lives.entries()) {
      const { filters, sort, limit } = QUERIES[at] as (typeof QUERIES)[0];
      const rows = select(this.model.table.values(), filters, sort);
      expect([live.rows, live.hasMore, live.status]).toEqual([
        rows.slice(0, limit),
        rows.length > (limit ?? 1e9),
        "live",
      ]);
    }
  }
}

/** A row without the key, which may be invented still. */
function anonymous({ id: _, ...row }: Row): Row {
  return Object.fromEntries(Object.entries(row).sort());
}

/** Let promises settle. */
async function turn(): Promise<void> {
  for (let rounds = 0; rounds < 12; rounds += 1) await null;
}

describe("optimistic writes", () => {
  const seeds = ONLY ? [Number(ONLY)] : Array.from({ length: COUNT }, (_, seed) => seed);
  it(`show what a serial order explains, in ${seeds.length} histories`, {
    timeout: 180_000 + COUNT * 200,
  }, async () => {
    for (const seed of seeds) {
      await new History(seed).play().catch((error: Error) => {
        error.message = `TIDEGATE_HISTORY=${seed}: ${error.message}`;
        throw error;
      });
    }
  });
});
