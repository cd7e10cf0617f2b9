// The live provider against a scripted gateway: which events come, and when.

import type { LiveEvent } from "@refinedev/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Client, Options, Room } from "../../src/index.js";
import { dataProvider, type LiveProviderOptions, liveProvider } from "../../src/refine/index.js";
import { type Line, Scripted, turn } from "../support/scripted.js";

const RESOURCES = { tasks: { key: ["id"], types: { id: "integer", title: "string" } } } as const;

let gateway: Scripted;
let client: Client;
let line: Line;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function open(options: LiveProviderOptions = {}, connection: Options = { resources: RESOURCES }) {
  ({ client, line } = await gateway.open(connection));
  const live = liveProvider(client, options);
  const events: [type: string, payload: unknown][] = [];
  const follow = (asked: { types?: string[]; ids?: (string | number)[]; channel?: string } = {}) =>
    live.subscribe({
      channel: asked.channel ?? "resources/tasks",
      types: asked.types ?? ["*"],
      params: { ...(asked.ids && { ids: asked.ids }) },
      callback: ({ type, payload }: LiveEvent) => events.push([type, payload]),
    });
  const take = () => events.splice(0);
  return { live, follow, take };
}

/** The gateway accepts the subscription: only new changes. */
const subscribed = (seq: number) => line.subscribe("s1", "live", seq);

const changed = (action: string, seq: number, id: number, fields: object = {}) =>
  line.update("s1", action, action === "delete" ? { id } : { id, title: `task ${id}` }, seq, fields);

describe("a subscription", () => {
  it("is one a resource, of its changes alone, and ends with the last hook", async () => {
    const { live, follow, take } = await open();
    const tokens = [follow(), follow({ ids: [1] })];
    expect(tokens.every(Boolean)).toBe(true);
    expect(subscribed(5)).toMatchObject({ resource: "tasks", snapshot: false, fields: ["id", "title"] });
    expect(line.unread).toEqual([]);
    live.unsubscribe(tokens[0]);
    live.unsubscribe(tokens[0]);
    changed("update", 6, 1);
    await turn();
    expect(take()).toEqual([["updated", { ids: [1], row: { id: 1, title: "task 1" } }]]);
    live.unsubscribe(tokens[1]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(line.unread).toEqual(["unsubscribe"]);
  });

  it("asks for keys alone without a contract", async () => {
    const { follow, take } = await open({}, {});
    follow();
    expect(subscribed(5)).toMatchObject({ fields: ["id"] });
    line.update("s1", "create", { id: 7 }, 6);
    await turn();
    expect(take()).toMatchObject([["created", { ids: [7] }]]);
  });

  it("goes on from its position after a break", async () => {
    const { follow, take } = await open();
    follow();
    subscribed(5);
    changed("create", 6, 1);
    await turn();
    line = await gateway.reconnect();
    expect(line.subscribe("s1", "recovered", 6).since).toEqual({ epoch: "e", seq: 6 });
    changed("update", 7, 1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(take().map(([type]) => type)).toEqual(["created", "updated"]);
  });

  it("tells once that everything may have changed, where the gateway sends all rows again", async () => {
    const { follow, take } = await open();
    follow();
    follow({ types: ["created"], ids: [3] });
    subscribed(5);
    await dataOf([{ id: 1 }], 5);
    line = await gateway.reconnect();
    line.subscribe("s1", "snapshot", 9);
    line.snapshot("s1", [{ id: 1 }], { position: { epoch: "e", seq: 9 } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(take()).toEqual([
      ["*", { ids: [] }],
      ["*", { ids: [] }],
    ]);
  });

  it("tells it too where the rights of the user changed and the database did not", async () => {
    const { follow, take } = await open();
    follow();
    subscribed(5);
    await dataOf([{ id: 1 }], 5);
    line.snapshot("s1", [], { position: { epoch: "e", seq: 5 } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(take()).toEqual([["*", { ids: [] }]]);
  });
});

/** A read that the gateway answers at `seq`. */
async function dataOf(rows: object[], seq: number) {
  const read = dataProvider(client).getList({ resource: "tasks" });
  line.reply(line.take("list"), "rows", { rows, total: rows.length, position: { epoch: "e", seq } });
  await read;
}

describe("events", () => {
  it("of one turn are one of each type", async () => {
    const { follow, take } = await open();
    follow();
    subscribed(5);
    for (let id = 1; id <= 50; id += 1) changed("update", 5 + id, 1 + (id % 2));
    changed("create", 56, 8);
    changed("delete", 57, 9);
    await turn();
    expect(take()).toEqual([
      ["updated", { ids: [2, 1] }],
      ["created", { ids: [8], row: { id: 8, title: "task 8" } }],
      ["deleted", { ids: [9] }],
    ]);
  });

  it("are of the types and ids that the hook asked for", async () => {
    const { follow, take } = await open();
    follow({ types: ["deleted"], ids: ["2"] });
    subscribed(5);
    changed("update", 6, 2);
    changed("delete", 7, 1);
    await turn();
    expect(take()).toEqual([]);
    changed("delete", 8, 2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(take()).toEqual([["deleted", { ids: [2] }]]);
  });

  it("come at once, then gathered until it is quiet, at the latest each second", async () => {
    const { follow, take } = await open();
    follow();
    subscribed(0);
    const told: number[] = [];
    for (let seq = 1; seq <= 60; seq += 1) {
      changed("update", seq, seq);
      await vi.advanceTimersByTimeAsync(50);
      for (const [, payload] of take()) told.push((payload as { ids: unknown[] }).ids.length);
    }
    await vi.advanceTimersByTimeAsync(100);
    for (const [, payload] of take()) told.push((payload as { ids: unknown[] }).ids.length);
    expect(told[0]).toBe(1);
    expect(told.length).toBeLessThanOrEqual(5);
    expect(told.reduce((all, each) => all + each)).toBe(60);
  });

  it("wait for the end of a read that began before them", async () => {
    const { follow, take } = await open();
    follow();
    subscribed(5);
    const read = dataProvider(client).getList({ resource: "tasks" });
    const request = line.take("list");
    changed("update", 6, 1);
    await vi.advanceTimersByTimeAsync(3000);
    expect(take()).toEqual([]);
    line.reply(request, "rows", { rows: [], total: 0, position: { epoch: "e", seq: 5 } });
    await read;
    await turn();
    expect(take()).toMatchObject([["updated", { ids: [1] }]]);
  });

  it("tell what changed between a read and the begin of the subscription", async () => {
    const { follow, take } = await open();
    follow();
    const request = line.take("subscribe");
    await dataOf([], 5);
    const reply = (seq: number) =>
      line.reply(request, "subscribed", {
        subscription: "s1",
        resource: "tasks",
        position: { epoch: "e", seq },
        mode: "live",
      });
    reply(7);
    await turn();
    expect(take()).toEqual([["*", { ids: [] }]]);
  });

  it("of own writes do not come, unless refine's own read began before them", async () => {
    const { follow, take } = await open();
    const data = dataProvider(client);
    follow();
    subscribed(5);
    const write = async (seq: number) => {
      const created = data.create({ resource: "tasks", variables: { title: "mine" } });
      const request = line.take("create");
      line.reply(request, "rows", { rows: [{ id: seq }], position: { epoch: "e", seq } });
      await created;
      return { origin: request.key };
    };
    changed("create", 6, 6, await write(6));
    await vi.advanceTimersByTimeAsync(1000);
    expect(take()).toEqual([]);

    // refine reads after the first write; the second is written while that read is under way.
    for (const [seq, at, expected] of [
      [7, 7, 0],
      [8, 7, 1],
    ] as const) {
      const read = data.getList({ resource: "tasks" });
      const request = line.take("list");
      changed("create", seq, seq, await write(seq));
      line.reply(request, "rows", { rows: [], total: 0, position: { epoch: "e", seq: at } });
      await read;
      await vi.advanceTimersByTimeAsync(1000);
      expect(take()).toHaveLength(expected);
    }
  });
});

describe("events of the program's own channels", () => {
  it("go through a room", async () => {
    ({ client, line } = await gateway.open());
    const room = client.room("admin") as Room<LiveEvent>;
    const joined = room.join();
    line.join("admin");
    await joined;
    const live = liveProvider(client, { room });
    const events: LiveEvent[] = [];
    const asked = { channel: "notes", types: ["pinged"], callback: (event: LiveEvent) => events.push(event) };
    const token = live.subscribe(asked);
    const event = { channel: "notes", type: "pinged", payload: { ids: [1] }, date: new Date(0) };
    live.publish?.(event);
    live.publish?.({ ...event, channel: "resources/tasks" });
    const sent = line.take("message");
    expect(line.unread).toEqual([]);
    const heard = (data: unknown, offset: number) =>
      line.say("message", { room: "admin", from: "7", sender: {}, data, position: { epoch: "r", offset }, time: 0 });
    heard(sent.data, 1);
    heard({ ...event, type: "other" }, 2);
    expect(events).toEqual([event]);
    live.unsubscribe(token);
    heard(sent.data, 3);
    expect(events).toHaveLength(1);
  });

  it("are none without a room", async () => {
    const { live, follow } = await open();
    expect(live).not.toHaveProperty("publish");
    live.unsubscribe(follow({ channel: "notes" }));
    expect(line.unread).toEqual([]);
  });
});

describe("the address of a row whose key has several properties", () => {
  it.each(["abc", "{", ""])("that a person typed is that of no row: '%s'", async (id) => {
    const loans = { key: ["book", "reader"], types: { book: "string", reader: "integer" } } as const;
    await open({}, { resources: { loans } });
    const provider = dataProvider(client);
    const calls = [
      () => provider.getOne({ resource: "loans", id }),
      () => provider.update({ resource: "loans", id, variables: {} }),
      () => provider.deleteOne({ resource: "loans", id }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ statusCode: 404 });
    expect(line.unread).toEqual([]);
  });
});
