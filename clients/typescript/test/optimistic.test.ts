// Writes are in the live queries at once, and stay, change or go with what the gateway says of them.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, type LiveQuery, resource, type SubscribeOptions } from "../src/index.js";
import { optimistic, stableKey } from "../src/optimistic/index.js";
import { ended, type Line, Scripted, turn } from "./support/scripted.js";

type Row = Record<string, unknown>;

const RESOURCES = {
  tasks: {
    key: ["id"],
    types: {
      id: "integer",
      title: "string",
      done: "boolean",
      rank: "integer",
      due_at: "date-time",
      made_at: "date-time",
    },
    defaults: { done: false },
    assigned: true,
    now: ["made_at"],
  },
  notes: { key: ["slug"], types: { slug: "string", text: "string" } },
} as const;

let gateway: Scripted;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
});

async function open(): Promise<{ client: Client; line: Line }> {
  const { client, line } = await gateway.open({ resources: RESOURCES, random: () => 0.5 });
  return { client: optimistic(client), line };
}

/** A live query of tasks with these rows, at position 5. */
async function live(
  client: Client,
  line: Line,
  rows: Row[],
  asked: SubscribeOptions<Row> = {},
  id = "s1",
  of = "tasks",
) {
  const query = resource(client, of).subscribe(asked) as LiveQuery<Row>;
  line.subscribe(id, "snapshot", 5);
  line.snapshot(id, rows);
  await turn();
  return query;
}

const titles = ({ rows }: LiveQuery<Row>) => rows.map(({ title }) => title);
const position = (seq: number) => ({ position: { epoch: "e", seq } });

describe("a write", () => {
  it("is shown at once, and once, whichever of reply and update comes first", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a", done: false }]);
    const shown: unknown[] = [];
    query.on("change", (rows) => shown.push(rows.map(({ id }) => id)));
    await turn();
    for (const [seq, isReplyFirst] of [
      [6, true],
      [7, false],
    ] as const) {
      const title = `t${seq}`;
      const made = resource(client, "tasks").create({ title });
      expect(titles(query).at(-1)).toBe(title);
      await turn();
      const request = line.take("create");
      const row = { id: seq, title, done: false, made_at: "2026-01-01T00:00:00.000000Z" };
      const reply = () => line.reply(request, "rows", { rows: [row], ...position(seq) });
      const update = () => line.update("s1", "create", row, seq, { origin: request.key });
      for (const say of isReplyFirst ? [reply, update] : [update, reply]) {
        say();
        await turn();
        expect(titles(query).filter((each) => each === title)).toHaveLength(1);
      }
      expect([(await made).id, query.rows.at(-1)?.id]).toEqual([seq, seq]);
    }
    expect(shown).toEqual([[1], [1, -1], [1, 6], [1, 6, -2], [1, 6, 7]]);
  });

  it("that the gateway refuses goes, and its promise rejects with the typed error", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    const before = query.rows;
    const writes = [
      resource(client, "tasks").create({ title: "b" }),
      resource(client, "tasks").update(1, { title: "c" }),
      resource(client, "tasks").delete(1),
    ].map((write) => (write as Promise<unknown>).catch((error) => error));
    expect(titles(query)).toEqual(["b"]);
    const requests = [line.take("create"), line.take("update"), line.take("delete")];
    line.refuse(requests[2] as never, "forbidden");
    await turn();
    expect(titles(query)).toEqual(["c", "b"]);
    line.refuse(requests[0] as never, "invalid_data", { pointer: "/data/title" });
    line.refuse(requests[1] as never, "conflict");
    const outcomes = await Promise.all(writes);
    expect(outcomes).toMatchObject([{ pointer: "/data/title" }, { code: "conflict" }, { code: "forbidden" }]);
    expect([query.rows, query.rows[0] === before[0]]).toEqual([before, true]);
  });

  it("that is made again under its key is shown once, and again after a refusal", async () => {
    const { client, line } = await open();
    const query = await live(client, line, []);
    const write = () => resource(client, "tasks").create({ title: "a" }, { key: "k" });
    const refused = [write(), write()];
    await turn();
    expect(titles(query)).toEqual(["a"]);
    for (const each of refused) {
      const lost = ended(each);
      line.refuse(line.take("create"), "unavailable", { temporary: true });
      await lost;
    }
    await turn();
    expect(titles(query)).toEqual([]);
    const made = write();
    await turn();
    expect(titles(query)).toEqual(["a"]);
    line.reply(line.take("create"), "rows", { rows: [{ id: 1, title: "a" }], ...position(6) });
    await made;
    expect(titles(query)).toEqual(["a"]);
  });

  it("of several on one row keeps their order", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a", rank: 1 }]);
    const tasks = resource(client, "tasks");
    void tasks.update(1, { title: "b" });
    void tasks.update(1, { title: "c", rank: 2 });
    expect(query.rows).toEqual([{ id: 1, title: "c", rank: 2 }]);
    const [first] = [line.take("update"), line.take("update")];
    line.update("s1", "update", { id: 1, title: "b", rank: 1 }, 6, { origin: first.key });
    await turn();
    expect(query.rows).toEqual([{ id: 1, title: "c", rank: 2 }]);
    line.update("s1", "update", { id: 1, title: "other", rank: 9 }, 7);
    await turn();
    expect(query.rows).toEqual([{ id: 1, title: "c", rank: 2 }]);
  });

  it("keeps the object of a row that the gateway confirms as it was shown", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    void resource(client, "tasks").update(1, { title: "b" });
    const [shown] = query.rows;
    const request = line.take("update");
    line.update("s1", "update", { id: 1, title: "b" }, 6, { origin: request.key });
    line.reply(request, "rows", { rows: [{ id: 1, title: "b" }], ...position(6) });
    await turn();
    expect(query.rows[0]).toBe(shown);
  });

  it("is in every live query that it matches, and in no other", async () => {
    const { client, line } = await open();
    const todo = await live(client, line, [{ id: 1, title: "a", done: false }], { filters: { done: false } });
    const done = await live(client, line, [], { filters: { done: true } }, "s2");
    const all = await live(client, line, [{ id: 1, title: "a", done: false }], {}, "s3");
    const other = await live(client, line, [{ slug: "x" }], {}, "s4", "notes");
    void resource(client, "tasks").update(1, { done: true });
    expect([todo, done, all].map(titles)).toEqual([[], ["a"], ["a"]]);
    void resource(client, "tasks").create({ title: "b" });
    expect([todo, done, all].map(titles)).toEqual([["b"], ["a"], ["a", "b"]]);
    void resource(client, "notes").delete("x");
    expect(other.rows).toEqual([]);
  });

  it("shows only the fields of a query, and leaves a row where the client cannot know", async () => {
    const { client, line } = await open();
    const filters = { rank: { gt: 1 } };
    const query = await live(client, line, [{ id: 1, title: "a" }], { fields: ["title"], filters });
    void resource(client, "tasks").update(1, { title: "b", done: true });
    void resource(client, "tasks").create({ title: "c", rank: 2 });
    expect(query.rows).toEqual([
      { id: 1, title: "b" },
      { id: -1, title: "c" },
    ]);
    void resource(client, "tasks").update(1, { rank: 0 });
    expect(titles(query)).toEqual(["c"]);
  });

  it("has the values that the database will give it, spelled as the gateway spells them", async () => {
    const { client, line } = await open();
    const query = await live(client, line, []);
    void resource(client, "tasks").create({ title: "a", due_at: "2026-05-01T02:00:00+02:00" });
    expect(query.rows).toEqual([
      {
        id: -1,
        title: "a",
        done: false,
        due_at: "2026-05-01T00:00:00.000000Z",
        made_at: "2026-01-01T00:00:00.000000Z",
      },
    ]);
  });

  it("whose condition does not hold is not shown", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [
      { id: 1, title: "a" },
      { id: 2, title: "b" },
    ]);
    const tasks = resource(client, "tasks");
    void tasks.update(1, { title: "c" }, { expect: { title: "b" } });
    void tasks.updateMany([1, 2], { title: "d" }, { expect: { title: "b" } });
    void tasks.delete(2, { expect: { title: "b" } });
    expect(titles(query)).toEqual(["a"]);
  });

  it("with `optimistic: false`, or that JSON cannot say, is not shown", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    void resource(client, "tasks").update(1, { title: "b" }, { optimistic: false });
    const cyclic: Row = {};
    cyclic.title = cyclic;
    const refused = ended(resource(client, "tasks").create(cyclic));
    expect(titles(query)).toEqual(["a"]);
    expect(await refused).toBeInstanceOf(Error);
  });

  it("of many rows, some of which the user may not read, goes with the answer", async () => {
    const { client, line } = await open();
    const query = await live(client, line, []);
    void resource(client, "tasks").createMany([{ title: "a" }, { title: "b" }]);
    expect(titles(query)).toEqual(["a", "b"]);
    line.reply(line.take("create"), "rows", { rows: [{ id: 1, title: "a" }], ...position(7) });
    await turn();
    expect(titles(query)).toEqual([]);
  });

  it("that makes a deleted row again is shown, before and between the answers", async () => {
    const { client, line } = await open();
    const notes = resource(client, "notes");
    const query = await live(client, line, [{ slug: "a", text: "old" }], {}, "s1", "notes");
    notes.delete("a").catch(() => {});
    notes.create({ slug: "a", text: "new" }).catch(() => {});
    const texts = () => query.rows.map(({ text }) => text);
    expect(texts()).toEqual(["new"]);
    const [deleted, created] = [line.take("delete"), line.take("create")];
    line.update("s1", "delete", { slug: "a" }, 6, { origin: deleted.key });
    line.reply(deleted, "rows", { rows: [], position: { epoch: "e", seq: 6 } });
    await turn();
    expect(texts()).toEqual(["new"]);
    line.reply(created, "rows", { rows: [{ slug: "a", text: "new" }], position: { epoch: "e", seq: 7 } });
    line.update("s1", "create", { slug: "a", text: "new" }, 7, { origin: created.key });
    await turn();
    expect(texts()).toEqual(["new"]);
  });
});

describe("a row whose key the database makes", () => {
  it("has a name that stays", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    const names = () => query.rows.map((row) => stableKey(client, "tasks", row));
    void resource(client, "tasks").create({ title: "b" });
    const before = names();
    line.reply(line.take("create"), "rows", { rows: [{ id: 2, title: "b", done: false }], ...position(6) });
    await turn();
    expect([names(), query.rows.map(({ id }) => id), new Set(before).size]).toEqual([before, [1, 2], 2]);
  });

  it("may be changed before the gateway told the key of another", async () => {
    const { client, line } = await open();
    const query = await live(client, line, []);
    const made = resource(client, "tasks").create({ title: "a" });
    line.reply(line.take("create"), "rows", { rows: [{ id: 9, title: "a", done: false }], ...position(6) });
    const row = await made;
    void resource(client, "tasks").update(row.id, { title: "b" });
    expect(query.rows).toMatchObject([{ id: 9, title: "b" }]);
  });
});

describe("a write over a broken line", () => {
  it("stays, is sent again with its key, and is shown once though a snapshot has it already", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    const shown: unknown[] = [];
    query.on("change", () => shown.push(titles(query)));
    await turn();
    void resource(client, "tasks").create({ title: "b" });
    const { key } = line.take("create");
    const next = await gateway.reconnect();
    next.subscribe("s1", "snapshot", 9);
    next.snapshot("s1", [
      { id: 1, title: "a" },
      { id: 2, title: "b", done: false },
      { id: 3, title: "c" },
    ]);
    await turn();
    expect([titles(query), query.status]).toEqual([["a", "b"], "behind"]);
    const again = next.take("create");
    expect(again.key).toBe(key);
    next.update("s1", "delete", { id: 3 }, 10);
    next.reply(again, "rows", { rows: [{ id: 2, title: "b", done: false }], ...position(6) });
    await turn();
    expect([query.rows.map(({ id }) => id), query.status]).toEqual([[1, 2], "live"]);
    expect(shown).toEqual([["a"], ["a", "b"], ["a", "b"]]);
  });

  it("is there while the program is offline", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    const next = await gateway.next(4201);
    void resource(client, "tasks").update(1, { title: "b" });
    expect([titles(query), query.status]).toEqual([["b"], "behind"]);
    next.welcome();
    next.subscribe("s1", "recovered", 5);
    await turn();
    expect([titles(query), next.unread]).toEqual([["b"], ["update"]]);
  });

  it("is not shown to another user", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    void resource(client, "tasks")
      .create({ title: "b" })
      .catch(() => {});
    (await gateway.next(4202)).welcome({ user: { id: "8", name: "Bob", roles: [], anonymous: false } });
    expect(query.rows).toEqual([]);
  });

  it("without an answer goes after the timeout", async () => {
    const { client, line } = await open();
    const query = await live(client, line, [{ id: 1, title: "a" }]);
    const made = resource(client, "tasks").delete(1);
    const outcome = made.catch((error) => error);
    expect(query.rows).toEqual([]);
    for (let second = 0; second < 31; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      line.say("heartbeat", { time: 0 });
    }
    expect([(await outcome).code, titles(query)]).toEqual(["timeout", ["a"]]);
  });
});
