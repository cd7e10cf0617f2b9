// Live rows: snapshots, changes, and where a copy goes on after the connection broke.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Change, Client, LiveQuery, Options, TidegateError } from "../src/index.js";
import { resource } from "../src/index.js";
import { Scripted, turn } from "./support/scripted.js";

type Row = Record<string, unknown>;

let gateway: Scripted;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const ids = (live: { rows: readonly Row[] }) => live.rows.map(({ id }) => id);

function listen(live: LiveQuery<Row>) {
  const changes: unknown[][] = [];
  const updates: Change<Row>[] = [];
  const errors: TidegateError[] = [];
  live.on("change", (rows) => changes.push(rows.map(({ id }) => id)));
  live.on("update", (update) => updates.push(update));
  live.on("error", (error) => errors.push(error));
  return { changes, updates, errors };
}

/** A client with the rows `ids` of users that are active, at position 5. */
async function loaded(rows: number[], options: Options = {}) {
  const { client, line } = await gateway.open(options);
  const live = resource(client, "users").subscribe({ filters: { status: "active" } });
  const request = line.subscribe("s1", "snapshot", 5);
  line.snapshot(
    "s1",
    rows.map((id) => ({ id })),
  );
  await turn();
  return { client, line, live, request, ...listen(live) };
}

describe("a snapshot", () => {
  it("is asked for with its filter and shown when it is whole", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe({ filters: { status: "active" }, fields: ["name"] });
    const { changes, updates } = listen(live);
    const request = line.subscribe("s1", "snapshot", 5);
    expect(request).toEqual({
      type: "subscribe",
      ref: request.ref,
      resource: "users",
      filters: { status: "active" },
      fields: ["name"],
      snapshot: true,
    });
    line.snapshot("s1", [{ id: 1 }, { id: 2 }], { done: false });
    line.snapshot("s1", [{ id: 3 }], { reset: false, done: false });
    await turn();
    expect([live.ready, live.rows, changes]).toEqual([false, [], []]);
    line.snapshot("s1", [{ id: 4 }], { reset: false });
    expect([live.ready, ids(live)]).toEqual([true, [1, 2, 3, 4]]);
    await turn();
    expect([changes, updates]).toEqual([[[1, 2, 3, 4]], [{ action: "reset" }]]);
  });

  it("may be empty, and still calls the listeners", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    const { changes } = listen(live);
    expect(line.subscribe("s1", "snapshot", 5)).not.toHaveProperty("filters");
    line.snapshot("s1", []);
    await turn();
    expect([live.ready, changes]).toEqual([true, [[]]]);
  });

  it("may take longer than a request may: it counts whenever it comes", async () => {
    const { client, line } = await gateway.open({ requestTimeout: 5 });
    const live = resource(client, "users").subscribe();
    const { errors } = listen(live);
    await vi.advanceTimersByTimeAsync(2_000);
    const asked = line.take("subscribe");
    line.reply(line.take("ping"), "pong", { time: 5 }); // the gateway is alive
    await vi.advanceTimersByTimeAsync(20_000);
    const about = { subscription: "s1", resource: "users", position: { epoch: "e", seq: 5 }, mode: "snapshot" };
    line.reply(asked, "subscribed", about);
    line.snapshot("s1", [{ id: 1 }]);
    expect([ids(live), errors]).toEqual([[1], []]);
  });

  it("that the gateway starts again replaces all rows at once", async () => {
    const { line, live, changes } = await loaded([1, 2]);
    line.snapshot("s1", [{ id: 3 }], { done: false });
    expect(ids(live)).toEqual([1, 2]);
    line.snapshot("s1", [{ id: 8 }], { done: false });
    line.snapshot("s1", [{ id: 9 }], { reset: false, position: { epoch: "e", seq: 20 } });
    await turn();
    expect([ids(live), changes.at(-1)]).toEqual([
      [8, 9],
      [8, 9],
    ]);
    const next = await gateway.reconnect();
    expect(next.subscribe("s1", "recovered", 20).since).toEqual({ epoch: "e", seq: 20 });
  });
});

describe("changes", () => {
  it("create, replace and delete rows, with one `update` each and one `change` a turn", async () => {
    const { line, live, changes, updates } = await loaded([1, 2]);
    const before = live.rows;
    expect(live.rows).toBe(before);
    line.update("s1", "create", { id: 3, name: "C" }, 6);
    line.update("s1", "update", { id: 1, name: "A" }, 7, { origin: "k1" });
    line.update("s1", "delete", { id: 2 }, 8, { cause: "update" });
    expect(live.rows).toEqual([
      { id: 1, name: "A" },
      { id: 3, name: "C" },
    ]);
    expect(ids({ rows: before })).toEqual([1, 2]);
    await turn();
    expect(changes.slice(1)).toEqual([[1, 3]]);
    expect(updates).toEqual([
      { action: "create", key: 3, row: { id: 3, name: "C" } },
      { action: "update", key: 1, row: { id: 1, name: "A" }, old: { id: 1 }, origin: "k1" },
      { action: "delete", key: 2, old: { id: 2 }, cause: "update" },
    ]);
  });

  it("that are known already are dropped", async () => {
    const { line, live, updates } = await loaded([1]);
    line.update("s1", "delete", { id: 1 }, 5);
    line.update("s1", "create", { id: 2 }, 6);
    line.update("s1", "delete", { id: 2 }, 6);
    expect([ids(live), updates.length]).toEqual([[1, 2], 1]);
  });

  it("of a subscription that is over, or another's, change nothing", async () => {
    const { line, live, changes } = await loaded([1]);
    line.update("s2", "create", { id: 2 }, 6);
    live.close();
    line.update("s1", "create", { id: 3 }, 7);
    await vi.advanceTimersByTimeAsync(5000);
    expect(line.take("unsubscribe").subscription).toBe("s1");
    line.update("s1", "create", { id: 3 }, 8);
    await turn();
    expect([ids(live), changes]).toEqual([[1], [[1]]]);
    live.close();
    expect(line.unread).toEqual([]);
  });

  it("do not reach listeners that were stopped", async () => {
    const { line, live } = await loaded([1]);
    const late = vi.fn();
    live.on("change", late)();
    await turn();
    line.update("s1", "create", { id: 2 }, 6);
    await turn();
    expect(late).not.toHaveBeenCalled();
  });

  it("find their rows by the key that the program names", async () => {
    const { client, line } = await gateway.open({ keys: { memberships: ["user_id", "team"], notes: "slug" } });
    const live = resource(client, "memberships").subscribe();
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [
      { user_id: 1, team: "a" },
      { user_id: 1, team: "b" },
    ]);
    line.update("s1", "update", { user_id: 1, team: "a", role: "lead" }, 6);
    line.update("s1", "delete", { team: "b", user_id: 1 }, 7);
    expect(live.rows).toEqual([{ user_id: 1, team: "a", role: "lead" }]);
    const notes = resource(client, "notes").subscribe();
    line.subscribe("s2", "snapshot", 7);
    line.snapshot("s2", [{ slug: "x" }, { slug: "y" }]);
    expect(notes.rows).toHaveLength(2);
  });

  it("without their key are an error that says what to do", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "memberships").subscribe();
    const { errors } = listen(live as LiveQuery<Row>);
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ user_id: 1, team: "a" }]);
    expect(errors.map(({ message }) => message)).toEqual([
      "'memberships' has no 'id': name its key in the option keys",
    ]);
    expect([live.ready, live.rows]).toEqual([false, []]);
  });
});

describe("over a broken connection", () => {
  it("the copy goes on from its last change", async () => {
    const { line, live } = await loaded([1]);
    line.update("s1", "create", { id: 2 }, 6);
    const next = await gateway.reconnect();
    const request = next.subscribe("another-id", "recovered", 6);
    expect(request).toMatchObject({ since: { epoch: "e", seq: 6 }, snapshot: true, filters: { status: "active" } });
    expect(ids(live), "old rows stay readable meanwhile").toEqual([1, 2]);
    next.update("s1", "create", { id: 666 }, 7);
    next.update("another-id", "create", { id: 2, name: "again" }, 6);
    next.update("another-id", "delete", { id: 1 }, 7);
    expect(live.rows).toEqual([{ id: 2 }]);
  });

  it("or from the last heartbeat, of the same epoch and ahead", async () => {
    const { line } = await loaded([1]);
    line.say("heartbeat", { time: 1, position: { epoch: "e", seq: 40 } });
    line.say("heartbeat", { time: 1, position: { epoch: "e", seq: 39 } });
    line.say("heartbeat", { time: 1, position: { epoch: "f", seq: 50 } });
    line.say("heartbeat", { time: 1 });
    const next = await gateway.reconnect();
    expect(next.subscribe("s1", "recovered", 40).since).toEqual({ epoch: "e", seq: 40 });
  });

  it("a snapshot cut off in the middle is asked for again, as a whole", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }], { done: false });
    line.say("heartbeat", { time: 1, position: { epoch: "e", seq: 40 } });
    const next = await gateway.reconnect();
    expect(next.subscribe("s1", "snapshot", 41)).not.toHaveProperty("since");
    next.snapshot("s1", [{ id: 2 }]);
    expect(ids(live)).toEqual([2]);
  });

  it("a snapshot that was cut off leaves the rows before it, and where they were, with their scope", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 5, "e", { scope: "mine" });
    line.snapshot("s1", [{ id: 1 }], { scope: "mine" });
    line.snapshot("s1", [{ id: 2 }], { done: false, scope: "yours" });
    expect([live.position, live.status]).toEqual([undefined, "behind"]);
    const next = await gateway.reconnect();
    const request = next.subscribe("s1", "snapshot", 9, "e", { scope: "yours" });
    expect(request).toMatchObject({ since: { epoch: "e", seq: 5 }, scope: "mine" });
    expect([ids(live), live.position]).toEqual([[1], undefined]);
    next.snapshot("s1", [{ id: 2 }], { position: { epoch: "e", seq: 9 } });
    expect([ids(live), live.position]).toEqual([[2], { epoch: "e", seq: 9 }]);
  });

  it("what cannot be recovered is replaced, and its position with it", async () => {
    const { live, updates } = await loaded([1, 2]);
    const next = await gateway.reconnect();
    next.subscribe("s1", "snapshot", 3, "a restored backup");
    expect(ids(live)).toEqual([1, 2]);
    next.snapshot("s1", [{ id: 2 }]);
    expect([ids(live), updates]).toEqual([[2], [{ action: "reset" }]]);
    const third = await gateway.reconnect();
    expect(third.subscribe("s1", "recovered", 3).since).toEqual({ epoch: "a restored backup", seq: 3 });
  });

  it("rows are asked for with the scope they came with", async () => {
    const { client, line } = await gateway.open();
    resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 5, "e", { scope: "mine" });
    line.snapshot("s1", [{ id: 1 }], { scope: "mine" });
    const next = await gateway.reconnect();
    const request = next.subscribe("s1", "recovered", 5, "e", { scope: "mine" });
    expect(request).toMatchObject({ since: { epoch: "e", seq: 5 }, scope: "mine" });
    next.snapshot("s1", [{ id: 2 }], { scope: "yours" });
    next.update("s1", "create", { id: 3 }, 6);
    const third = await gateway.reconnect();
    expect(third.subscribe("s1", "snapshot", 6)).toMatchObject({ since: { epoch: "e", seq: 6 }, scope: "yours" });
    third.snapshot("s1", [{ id: 1 }]);
    const fourth = await gateway.reconnect();
    expect(fourth.subscribe("s1", "recovered", 6)).not.toHaveProperty("scope");
  });

  it("a query that was closed meanwhile is not asked for", async () => {
    const { line, live } = await loaded([1]);
    line.end();
    live.close();
    await vi.advanceTimersByTimeAsync(5000);
    gateway.line.welcome();
    expect(gateway.line.unread).toEqual([]);
  });
});

describe("refusals", () => {
  it("that are temporary are errors, and the client asks again", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    const { errors } = listen(live);
    line.refuse(line.take("subscribe"), "unavailable", { temporary: true });
    expect(errors).toMatchObject([{ code: "unavailable", retryable: true }]);
    await vi.advanceTimersByTimeAsync(1499);
    expect(line.unread).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    expect(ids(live)).toEqual([1]);
  });

  it("that are temporary are not asked again once the query is closed", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.refuse(line.take("subscribe"), "unavailable", { temporary: true });
    live.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(line.unread).toEqual([]);
  });

  it("that are temporary are asked again once, even if another event asks for the rows meanwhile", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.refuse(line.take("subscribe"), "unavailable", { temporary: true, retry_after: 5 });
    const next = await gateway.reconnect(1012);
    next.refuse(next.take("subscribe"), "unavailable", { temporary: true, retry_after: 5 });
    const becoming = client.authenticate("token");
    const bob = { id: "8", name: "Bob", roles: [], anonymous: false };
    next.reply(next.take("authenticate"), "authenticated", { user: bob });
    await becoming;
    next.subscribe("s1", "snapshot", 5);
    next.snapshot("s1", [{ id: 1 }]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([line.unread, next.unread, ids(live)]).toEqual([[], [], [1]]);
  });

  it("that are final are errors, and the client does not ask again on this connection", async () => {
    const { client, line } = await gateway.open();
    const { errors } = listen(resource(client, "users").subscribe({ filters: { staet: "active" } }));
    line.refuse(line.take("subscribe"), "invalid_data", { pointer: "/filters/staet" });
    expect(errors).toMatchObject([{ code: "invalid_data", pointer: "/filters/staet", retryable: false }]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.unread).toEqual([]);
  });

  it("that come later take the rows away", async () => {
    const { line, live, changes, errors } = await loaded([1]);
    line.say("unsubscribed", { subscription: "s1" });
    await turn();
    expect([live.ready, ids(live), changes.at(-1)]).toEqual([false, [], []]);
    expect(errors.map(({ message }) => message)).toEqual(["the gateway ended the subscription to 'users'"]);
  });
});

describe("another user", () => {
  const BOB = { id: "8", name: "Bob", roles: [], anonymous: false };

  async function become(client: Client, user: object) {
    const becoming = client.authenticate("token");
    gateway.line.reply(gateway.line.take("authenticate"), "authenticated", { user });
    await becoming;
  }

  it("does not see the rows of the one before, and gets its own", async () => {
    const { client, line, live, changes } = await loaded([1]);
    await become(client, BOB);
    expect(changes.at(-1)).toEqual([]);
    expect(line.take("unsubscribe").subscription).toBe("s1");
    expect(line.subscribe("s1", "snapshot", 9)).not.toHaveProperty("since");
    line.snapshot("s1", [{ id: 2 }]);
    expect(ids(live)).toEqual([2]);
  });

  it("waits for answers that are under way, which might be about the same subscription", async () => {
    const { client, line, live } = await loaded([1]);
    const other = resource(client, "users").subscribe();
    const asked = line.take("subscribe");
    await become(client, BOB);
    expect([line.unread, ids(live)]).toEqual([[], []]);
    line.reply(asked, "subscribed", {
      subscription: "s2",
      resource: "users",
      position: { epoch: "e", seq: 9 },
      mode: "snapshot",
    });
    expect([line.take("unsubscribe"), line.take("unsubscribe")].map(({ subscription }) => subscription)).toEqual([
      "s1",
      "s2",
    ]);
    expect([line.subscribe("s1", "snapshot", 9), line.subscribe("s2", "snapshot", 9)]).toHaveLength(2);
    line.snapshot("s1", [{ id: 2 }]);
    line.snapshot("s2", [{ id: 3 }]);
    expect([ids(live), ids(other)]).toEqual([[2], [3]]);
  });

  it("keeps its rows when only the token is new", async () => {
    const { client, line, live } = await loaded([1]);
    await become(client, { id: "7", name: "Ann", roles: ["admin"], anonymous: false });
    expect([line.unread, ids(live)]).toEqual([[], [1]]);
  });

  it("may come with a new connection", async () => {
    const { live } = await loaded([1]);
    (await gateway.next(4202)).welcome({ user: BOB });
    expect(ids(live)).toEqual([]);
    expect(gateway.line.take("subscribe")).not.toHaveProperty("since");
  });
});
