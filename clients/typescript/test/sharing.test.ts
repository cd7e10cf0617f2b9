// Equal queries share a subscription, in any order of subscribing, closing and answering.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { resource } from "../src/index.js";
import { Scripted, turn } from "./support/scripted.js";

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

/** How long a subscription stays after its last live query. */
const kept = () => vi.advanceTimersByTimeAsync(5000);
const ids = (live: { rows: readonly Record<string, unknown>[] }) => live.rows.map(({ id }) => id);

describe("equal queries", () => {
  it("share one subscription until the last is closed", async () => {
    const { client, line } = await gateway.open();
    const users = resource(client, "users");
    const first = users.subscribe({ filters: { status: "active", name: "Ann" } });
    const second = users.subscribe({ filters: { name: "Ann", status: "active" } });
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    expect([ids(first), ids(second), line.unread]).toEqual([[1], [1], []]);
    first.close();
    expect(line.unread).toEqual([]);
    line.update("s1", "create", { id: 2 }, 6);
    expect(ids(second)).toEqual([1, 2]);
    second.close();
    await kept();
    expect(line.take("unsubscribe").subscription).toBe("s1");
  });

  it("may name their fields in any order", async () => {
    const { client, line } = await gateway.open();
    for (const fields of [["name", "email"], ["email", "name"], ["name"]])
      resource(client, "users").subscribe({ fields });
    expect(line.unread).toEqual(["subscribe", "subscribe"]);
  });

  it("that come late get the rows at once, and call no listener of the others", async () => {
    const { client, line } = await gateway.open();
    const [early, late] = [vi.fn(), vi.fn()];
    resource(client, "users").subscribe().on("change", early);
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    await turn();
    resource(client, "users").subscribe().on("change", late);
    await turn();
    expect([early.mock.calls, late.mock.calls]).toEqual([[[[{ id: 1 }]]], [[[{ id: 1 }]]]]);
  });

  it("end alone: a listener ends with its query", async () => {
    const { client, line } = await gateway.open();
    const [closed, kept] = [resource(client, "users").subscribe(), resource(client, "users").subscribe()];
    const [ended, going] = [vi.fn(), vi.fn()];
    closed.on("change", ended);
    kept.on("change", going);
    closed.close();
    closed.on("change", ended);
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", []);
    await turn();
    expect([ended.mock.calls.length, going.mock.calls.length]).toEqual([0, 1]);
  });

  it("closed after their client keep nothing, and no program running", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", []);
    client.close();
    live.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("closed before the answer keep nothing; asked for again meanwhile they go on", async () => {
    const { client, line } = await gateway.open();
    const users = resource(client, "users");
    users.subscribe().close();
    const again = users.subscribe();
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    expect([ids(again), line.unread]).toEqual([[1], []]);
    const tasks = resource(client, "tasks");
    tasks.subscribe().close();
    line.subscribe("s2", "snapshot", 5);
    expect(line.take("unsubscribe").subscription).toBe("s2");
  });

  it("that were refused are asked again by the next equal query", async () => {
    const { client, line } = await gateway.open();
    resource(client, "users").subscribe();
    line.refuse(line.take("subscribe"), "forbidden");
    const next = resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    expect(ids(next)).toEqual([1]);
  });
});

describe("two spellings of one filter", () => {
  async function spelled() {
    const { client, line } = await gateway.open();
    const users = resource(client, "users");
    const first = users.subscribe({ filters: { status: "active" } });
    const second = users.subscribe({ filters: { status: { eq: "active" } } });
    line.subscribe("s1", "snapshot", 5);
    line.snapshot("s1", [{ id: 1 }]);
    line.update("s1", "create", { id: 2 }, 6);
    expect(second.ready).toBe(false);
    line.subscribe("s1", "live", 6);
    return { users, line, first, second };
  }

  it("share the rows, which the gateway sends only once", async () => {
    const { line, first, second } = await spelled();
    expect([second.ready, ids(second)]).toEqual([true, [1, 2]]);
    line.update("s1", "delete", { id: 1 }, 7);
    expect([ids(first), ids(second)]).toEqual([[2], [2]]);
  });

  it("share the subscription until the last is closed", async () => {
    const { line, first, second } = await spelled();
    first.close();
    expect(line.unread).toEqual([]);
    line.update("s1", "create", { id: 3 }, 7);
    expect(ids(second)).toEqual([1, 2, 3]);
    second.close();
    await kept();
    expect(line.take("unsubscribe").subscription).toBe("s1");
  });

  it("both go on after the connection broke", async () => {
    const { first, second } = await spelled();
    const next = await gateway.reconnect();
    expect(next.subscribe("s9", "recovered", 6).since).toEqual({ epoch: "e", seq: 6 });
    next.update("s9", "create", { id: 3 }, 7);
    next.subscribe("s9", "live", 7);
    expect([ids(first), ids(second)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("are not given up while another's answer, that might be about them, is under way", async () => {
    const { users, line, first, second } = await spelled();
    const third = users.subscribe({ filters: { and: [{ status: "active" }] } });
    first.close();
    second.close();
    await kept();
    expect(line.unread).toEqual(["subscribe"]);
    line.subscribe("s1", "live", 6);
    expect([ids(third), line.unread]).toEqual([[1, 2], []]);
    third.close();
    await kept();
    expect(line.take("unsubscribe").subscription).toBe("s1");
  });
});
