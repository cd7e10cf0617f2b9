// What a live query shows: sorted, limited, the same objects as long as nothing changed, and how it stands.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LiveQuery, type LiveStatus, type Options, resource, type SubscribeOptions } from "../src/index.js";
import { Scripted, turn } from "./support/scripted.js";

type Row = Record<string, unknown>;

let gateway: Scripted;

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
});

const ids = (live: { rows: readonly Row[] }) => live.rows.map(({ id }) => id);

/** A client with these rows of users, at position 5. */
async function loaded(rows: Row[], asked: SubscribeOptions<Row> = {}, options: Options = {}) {
  const { client, line } = await gateway.open({ random: () => 0.5, ...options });
  const live = resource(client, "users").subscribe(asked) as LiveQuery<Row>;
  const changes: unknown[] = [];
  const statuses: LiveStatus[] = [];
  live.on("change", (shown) => changes.push(shown.map(({ id }) => id)));
  live.on("status", (status) => statuses.push(status));
  line.subscribe("s1", "snapshot", 5);
  line.snapshot("s1", rows);
  await turn();
  return { client, line, live, changes, statuses };
}

describe("a window", () => {
  const rows = [{ id: 1, name: "B" }, { id: 2, name: "A" }, { id: 3 }, { id: 4, name: "B" }];

  it("is sorted, with rows without a value first, and by the key between equal ones", async () => {
    expect(ids((await loaded(rows, { sort: ["name"] })).live)).toEqual([3, 2, 1, 4]);
    expect(ids((await loaded(rows, { sort: [{ field: "name", order: "desc" }] })).live)).toEqual([1, 4, 2, 3]);
    expect(ids((await loaded(rows, { sort: ["-name", "-id"] })).live)).toEqual([4, 1, 2, 3]);
    expect(ids((await loaded(rows)).live)).toEqual([1, 2, 3, 4]);
  });

  it("moves when rows come, change and go, and says whether there are more", async () => {
    const { line, live, changes } = await loaded(rows, { sort: ["name"], limit: 2 });
    expect([ids(live), live.hasMore]).toEqual([[3, 2], true]);
    line.update("s1", "delete", { id: 3 }, 6);
    expect(ids(live)).toEqual([2, 1]);
    line.update("s1", "create", { id: 5, name: "0" }, 7);
    line.update("s1", "update", { id: 2, name: "Z" }, 8);
    await turn();
    expect([ids(live), live.hasMore]).toEqual([[5, 1], true]);
    line.update("s1", "delete", { id: 2 }, 9);
    line.update("s1", "delete", { id: 4 }, 10);
    await turn();
    expect([ids(live), live.hasMore]).toEqual([[5, 1], false]);
    expect(changes).toEqual([
      [3, 2],
      [5, 1],
      [5, 1],
    ]);
  });

  it("is the same array while nothing in it changed, and says nothing", async () => {
    const { line, live, changes } = await loaded(rows, { sort: ["name"], limit: 2 });
    const shown = live.rows;
    line.update("s1", "create", { id: 9, name: "Z" }, 6);
    line.update("s1", "update", { id: 2, name: "A" }, 7);
    await turn();
    expect([live.rows === shown, changes.length]).toEqual([true, 1]);
    expect(Object.isFrozen(shown)).toBe(true);
  });

  it("keeps the objects of rows that did not change, over a new snapshot too", async () => {
    const { line, live, changes } = await loaded([{ id: 1, tags: ["a", { b: 1 }] }, { id: 2 }]);
    const [first, second] = live.rows;
    line.snapshot("s1", [{ id: 1, tags: ["a", { b: 1 }] }, { id: 2 }], { position: { epoch: "e", seq: 9 } });
    await turn();
    expect([live.rows[0] === first, live.rows[1] === second, changes.length]).toEqual([true, true, 1]);
    line.snapshot("s1", [{ id: 1, tags: ["a", { b: 2 }] }, { id: 2 }], { position: { epoch: "e", seq: 9 } });
    await turn();
    expect([live.rows[0] === first, live.rows[1] === second, changes.length]).toEqual([false, true, 2]);
  });

  it("orders integers of 64 bits where the client knows the types", async () => {
    const big = [{ id: "10" }, { id: "9" }, { id: "-1" }];
    const resources = { users: { key: ["id"], types: { id: "int64" } } } as const;
    expect(ids((await loaded(big, { sort: ["id"] }, { resources })).live)).toEqual(["-1", "9", "10"]);
    expect(ids((await loaded(big, { sort: ["-id"] }, { resources })).live)).toEqual(["10", "9", "-1"]);
  });

  it("asks for what it sorts by", async () => {
    const { client, line } = await gateway.open();
    resource(client, "users").subscribe({ fields: ["name"], sort: ["-age", "name"] });
    expect(line.take("subscribe").fields).toEqual(["name", "age"]);
  });

  it("of another order or length shares the subscription", async () => {
    const { client, line, live } = await loaded(rows, { sort: ["name"], limit: 1 });
    const other = resource(client, "users").subscribe({ sort: ["-id"] });
    expect([ids(live), ids(other), line.unread]).toEqual([[3], [4, 3, 2, 1], []]);
  });
});

describe("the status of a live query", () => {
  it("is loading, live, behind while the line is broken or a snapshot comes, and live again", async () => {
    const { line, live, statuses } = await loaded([{ id: 1 }]);
    expect([statuses, live.status]).toEqual([["live"], "live"]);
    line.snapshot("s1", [{ id: 1 }], { done: false });
    await turn();
    expect([live.status, ids(live)]).toEqual(["behind", [1]]);
    line.snapshot("s1", [], { reset: false, position: { epoch: "e", seq: 9 } });
    await turn();
    const next = await gateway.next(4201);
    expect([live.status, live.ready]).toEqual(["behind", true]);
    next.welcome();
    next.subscribe("s7", "recovered", 9);
    await turn();
    expect(statuses).toEqual(["live", "behind", "live", "behind", "live"]);
  });

  it("is loading again when the user changes", async () => {
    const { live, statuses } = await loaded([{ id: 1 }]);
    (await gateway.next(4202)).welcome({ user: { id: "8", name: "Bob", roles: [], anonymous: false } });
    await turn();
    expect([statuses.at(-1), live.status, live.ready, live.rows]).toEqual(["loading", "loading", false, []]);
  });

  it("is error after a final refusal, until the program asks again", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.refuse(line.take("subscribe"), "unavailable", { temporary: true, retry_after: 60 });
    expect([live.status, live.error]).toEqual(["loading", undefined]);
    const other = resource(client, "tasks").subscribe();
    line.refuse(line.take("subscribe"), "forbidden");
    expect([other.status, other.error?.code]).toEqual(["error", "forbidden"]);
    const again = resource(client, "tasks").subscribe();
    line.subscribe("s2", "snapshot", 5);
    line.snapshot("s2", [{ id: 1 }]);
    expect([other.status, ids(other), ids(again)]).toEqual(["live", [1], [1]]);
    client.close();
    expect([other.status, ids(other)]).toEqual(["error", [1]]);
  });
});

describe("a query that was closed", () => {
  it("stays for 5 s: the next equal one shows rows at once, and follows them", async () => {
    const { client, line, live } = await loaded([{ id: 1 }]);
    live.close();
    await vi.advanceTimersByTimeAsync(4999);
    line.update("s1", "create", { id: 2 }, 6);
    const next = resource(client, "users").subscribe();
    expect([ids(live), ids(next), next.ready, next.status, line.unread]).toEqual([[1], [1, 2], true, "live", []]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.unread).not.toContain("unsubscribe");
  });

  it("stays over a broken line too", async () => {
    const { client, live } = await loaded([{ id: 1 }]);
    live.close();
    const next = await gateway.reconnect();
    expect(next.subscribe("s1", "recovered", 5).since).toEqual({ epoch: "e", seq: 5 });
    expect(ids(resource(client, "users").subscribe())).toEqual([1]);
  });

  it("leaves its place where the gateway allows no more subscriptions", async () => {
    const { line, live, client } = await loaded([{ id: 1 }]);
    const limits = { ...client.welcome?.limits, max_subscriptions: 1 };
    const next = (await gateway.next(4201)).welcome({ limits });
    next.subscribe("s1", "recovered", 5);
    live.close();
    resource(client, "tasks").subscribe();
    expect([line.unread, next.unread]).toEqual([[], ["unsubscribe", "subscribe"]]);
  });

  it("keeps no timer once the client is closed", async () => {
    const { client, live } = await loaded([{ id: 1 }]);
    live.close();
    client.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("since", () => {
  it("goes on from a position, and has what `subscribe` takes next", async () => {
    const { client, line } = await gateway.open();
    const since = { position: { epoch: "e", seq: 3 }, scope: "mine" };
    const live = resource(client, "users").subscribe({ since }) as LiveQuery<Row>;
    const heard: unknown[] = [];
    live.on("update", ({ action, key, origin }) => heard.push([action, key, origin, live.since]));
    const request = line.subscribe("s1", "recovered", 3, "e", { scope: "mine" });
    expect(request).toMatchObject({ since: since.position, scope: "mine", snapshot: true });
    await live.loaded();
    line.update("s1", "update", { id: 1 }, 4, { origin: "k" });
    const now = { position: { epoch: "e", seq: 4 }, scope: "mine" };
    expect([heard, live.status]).toEqual([[["update", 1, "k", now]], "live"]);
    const other = resource(client, "users").subscribe({ since: now.position });
    expect(line.take("subscribe")).toMatchObject({ since: now.position });
    expect(other.ready).toBe(false);
  });

  it("that is too old brings all rows, as a reset", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe({ since: { epoch: "old", seq: 3 } }) as LiveQuery<Row>;
    const heard: string[] = [];
    live.on("update", ({ action }) => heard.push(action));
    line.subscribe("s1", "snapshot", 5);
    expect(live.since).toBeUndefined();
    line.snapshot("s1", [{ id: 1 }]);
    expect([heard, ids(live), live.since]).toEqual([["reset"], [1], { position: { epoch: "e", seq: 5 } }]);
  });

  it("has not all rows: an equal query that wants them gets them", async () => {
    const { client, line } = await gateway.open();
    const worker = resource(client, "users").subscribe({ since: { epoch: "e", seq: 3 } });
    line.subscribe("s1", "recovered", 3);
    const page = resource(client, "users").subscribe();
    line.subscribe("s1", "live", 3);
    expect(line.take("unsubscribe").subscription).toBe("s1");
    expect([line.subscribe("s1", "snapshot", 5), line.subscribe("s1", "live", 5)]).toEqual([
      expect.not.objectContaining({ since: expect.anything() }),
      expect.not.objectContaining({ since: expect.anything() }),
    ]);
    line.snapshot("s1", [{ id: 1 }]);
    expect([ids(page), ids(worker)]).toEqual([[1], [1]]);
  });
});
