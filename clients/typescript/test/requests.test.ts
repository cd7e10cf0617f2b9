// Requests: reply by ref, typed errors, timeouts, and what becomes of them when the connection breaks.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionLost, RequestRefused, RequestTimeout, resource, TidegateError } from "../src/index.js";
import { ended, Scripted, turn } from "./support/scripted.js";

const POSITION = { epoch: "e", seq: 1 };

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

describe("replies", () => {
  it("find their requests by ref, in whatever order they come", async () => {
    const { client, line } = await gateway.open();
    const first = client.request({ type: "list", resource: "users" });
    const second = client.request({ type: "ping" });
    const [list, ping] = [line.take("list"), line.take("ping")];
    expect(list.ref).not.toBe(ping.ref);
    line.reply(ping, "pong", { time: 5 });
    line.reply({ type: "list", ref: "another's" }, "rows", { rows: [], position: POSITION });
    line.reply(list, "rows", { rows: [{ id: 1 }], position: POSITION });
    expect((await second).time).toBe(5);
    expect((await first).rows).toEqual([{ id: 1 }]);
  });

  it("come to requests that were made before the connection was open, in their order", async () => {
    const client = gateway.connect();
    const asked = client.request({ type: "ping" });
    client.send({ type: "presence", room: "a" });
    client.room("a").join();
    await turn();
    expect(gateway.line.unread).toEqual([]);
    gateway.line.welcome();
    gateway.line.reply(gateway.line.take("ping"), "pong", { time: 5 });
    expect((await asked).time).toBe(5);
    expect(gateway.line.take("presence")).toEqual({ type: "presence", room: "a" });
    gateway.line.join("a");
  });
});

describe("refusals", () => {
  it("say what is wrong, where, and whether to try again", async () => {
    const { client, line } = await gateway.open();
    const asked = client.request({ type: "list", resource: "users", filters: { staet: 1, x: 1 } });
    const errors = [
      { pointer: "/filters/staet", keyword: "additionalProperties", message: "unknown" },
      { pointer: "/filters/x", keyword: "additionalProperties", message: "unknown" },
    ];
    line.refuse(line.take("list"), "invalid_data", {
      message: "there is no such property",
      pointer: "/filters/staet",
      keyword: "additionalProperties",
      errors,
    });
    const error = (await ended(asked)) as RequestRefused;
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toBeInstanceOf(TidegateError);
    expect(error).toMatchObject({
      name: "RequestRefused",
      message: "there is no such property (at /filters/staet)",
      code: "invalid_data",
      pointer: "/filters/staet",
      keyword: "additionalProperties",
      errors,
      retryable: false,
      retryAfter: undefined,
    });
    expect(client.status).toBe("open");
  });

  it("are retryable where the gateway calls them temporary", async () => {
    const { client, line } = await gateway.open();
    const asked = client.request({ type: "ping" });
    line.refuse(line.take("ping"), "rate_limited", { temporary: true, retry_after: 3 });
    expect(await ended(asked)).toMatchObject({ code: "rate_limited", retryable: true, retryAfter: 3, errors: [] });
  });
});

describe("timeouts", () => {
  it("end a request without an answer; the client ignores a late answer", async () => {
    const { client, line } = await gateway.open({ requestTimeout: 2 });
    const asked = client.request({ type: "ping" });
    const failing = expect(asked).rejects.toMatchObject({ name: "RequestTimeout", retryable: true });
    await vi.advanceTimersByTimeAsync(2000);
    await failing;
    line.reply(line.take("ping"), "pong", { time: 5 });
    expect(client.status).toBe("open");
  });

  it("count the time without a connection too; the default is 30 s", async () => {
    const client = gateway.connect();
    const asked = client.request({ type: "ping" });
    asked.catch(() => {}); // looked at below
    await vi.advanceTimersByTimeAsync(29_999);
    expect(await Promise.race([asked, Promise.resolve("waits")])).toBe("waits");
    await vi.advanceTimersByTimeAsync(1);
    expect(await ended(asked)).toBeInstanceOf(RequestTimeout);
    gateway.line.welcome();
    expect(gateway.line.unread, "the request has failed already").toEqual([]);
  });

  it("leave no timer behind where the answer came", async () => {
    const { client, line } = await gateway.open();
    const timers = vi.getTimerCount();
    const asked = client.request({ type: "ping" });
    expect(vi.getTimerCount()).toBe(timers + 1);
    line.reply(line.take("ping"), "pong", { time: 5 });
    await asked;
    expect(vi.getTimerCount()).toBe(timers);
  });
});

describe("when the connection breaks", () => {
  it("reads and keyed writes are sent again, as they were", async () => {
    const { client, line } = await gateway.open();
    const users = resource(client, "users");
    const room = client.room("a");
    room.join();
    line.join("a");
    const read = users.list({ filters: { status: "active" } });
    const written = users.create({ name: "Ann" });
    const said = room.send("hello");
    const before = [line.take("list"), line.take("create"), line.take("message")];
    expect(before.slice(1).map(({ key }) => key)).toEqual([
      expect.stringMatching(/^[\da-z-]{20,}$/),
      expect.any(String),
    ]);
    const next = await gateway.reconnect();
    next.join("a");
    const [list, create, message] = [next.take("list"), next.take("create"), next.take("message")];
    expect([list, create, message]).toEqual(before);
    next.reply(list, "rows", { rows: [], position: POSITION });
    next.reply(create, "rows", { rows: [{ id: 1, name: "Ann" }], position: POSITION });
    next.reply(message, "sent", { room: "a", position: { epoch: "r", offset: 1 } });
    expect(await ended(Promise.all([read, written, said]))).toEqual([
      [],
      { id: 1, name: "Ann" },
      { epoch: "r", offset: 1 },
    ]);
  });

  it("a request that must not be sent twice fails at once: the gateway may have carried it out", async () => {
    const { client, line } = await gateway.open();
    const asked = client.request({ type: "join", room: "a" });
    line.take("join");
    line.end();
    expect(await ended(asked)).toBeInstanceOf(ConnectionLost);
    expect(await ended(asked)).toMatchObject({ retryable: true });
    await vi.advanceTimersByTimeAsync(1000);
    gateway.line.welcome();
    expect(gateway.line.unread).toEqual([]);
  });

  it("a request that was not sent yet waits for the next connection", async () => {
    const { client, line } = await gateway.open();
    line.end();
    const asked = client.request({ type: "create", resource: "users", data: { name: "Ann" } });
    await vi.advanceTimersByTimeAsync(1000);
    gateway.line.end();
    await vi.advanceTimersByTimeAsync(1000);
    gateway.line.welcome();
    gateway.line.reply(gateway.line.take("create"), "rows", { rows: [{ id: 1 }], position: POSITION });
    expect((await asked).rows).toEqual([{ id: 1 }]);
  });
});
