// A connection whose other end is gone though nothing says so: a change of network, a computer that slept, a server that
// accepts and never answers. `Line` is such a black hole unless the test lets it speak.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestTimeout, resource, type TidegateError } from "../src/index.js";
import { ended, Scripted, turn } from "./support/scripted.js";

const POSITION = { epoch: "e", seq: 1 };
let gateway: Scripted;
let browser: EventTarget;

const happens = (type: string) => browser.dispatchEvent(new Event(type));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  gateway = new Scripted();
  browser = new EventTarget();
  vi.stubGlobal("addEventListener", browser.addEventListener.bind(browser));
  vi.stubGlobal("removeEventListener", browser.removeEventListener.bind(browser));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("an open connection that is a black hole", () => {
  it.each(["online", "pageshow", "visibilitychange"])(
    "is replaced within 5 s of '%s', and what may be repeated survives",
    async (event) => {
      const { client, line } = await gateway.open();
      const room = client.room("a");
      room.join();
      line.join("a");
      const said = room.send("hello");
      const listed = resource(client, "users").list();
      const lost = client.request({ type: "join", room: "b" });
      lost.catch(() => {});
      expect(line.unread).toEqual(["message", "list", "join"]);
      happens(event);
      await vi.advanceTimersByTimeAsync(3_999);
      expect([client.status, line.unread.at(-1)]).toEqual(["open", "ping"]);
      await vi.advanceTimersByTimeAsync(1_001);
      expect(gateway.lines).toHaveLength(2);
      const next = gateway.line.welcome();
      next.join("a");
      next.reply(next.take("message"), "sent", { room: "a", position: { epoch: "r", offset: 1 } });
      next.reply(next.take("list"), "rows", { rows: [{ id: 1 }], position: POSITION });
      expect(await ended(said)).toEqual({ epoch: "r", offset: 1 });
      expect(await ended(listed)).toEqual([{ id: 1 }]);
      expect(await ended<unknown>(lost)).toMatchObject({ code: "connection_lost" });
    },
  );

  it("is noticed by a late answer, long before the timeout of the request", async () => {
    const { client, line } = await gateway.open();
    const listed = resource(client, "users").list();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(line.unread).toEqual(["list"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(line.unread).toEqual(["list", "ping"]);
    await vi.advanceTimersByTimeAsync(5_000);
    const next = gateway.line.welcome();
    next.reply(next.take("list"), "rows", { rows: [], position: POSITION });
    expect(await ended(listed)).toEqual([]);
    expect(client.status).toBe("open");
  });

  it("is noticed by a request that timed out; others survive", async () => {
    const { client, line } = await gateway.open({ requestTimeout: 6 });
    const first = client.ping();
    first.catch(() => {});
    await vi.advanceTimersByTimeAsync(1_000);
    line.say("heartbeat", { time: 1 });
    line.take("ping");
    await vi.advanceTimersByTimeAsync(4_900);
    const second = resource(client, "users").list();
    await vi.advanceTimersByTimeAsync(100);
    expect(await ended<unknown>(first)).toBeInstanceOf(RequestTimeout);
    expect(line.unread).toEqual(["list", "ping"]);
    await vi.advanceTimersByTimeAsync(4_250);
    expect(gateway.lines).toHaveLength(2);
    const next = gateway.line.welcome();
    next.reply(next.take("list"), "rows", { rows: [], position: POSITION });
    expect(await ended(second)).toEqual([]);
  });

  it("that is none after all goes on: whatever comes is an answer", async () => {
    const { client, line } = await gateway.open();
    const pongs = vi.fn();
    client.on("pong", pongs);
    happens("online");
    await vi.advanceTimersByTimeAsync(3_999);
    line.reply(line.take("ping"), "pong", { time: 1 });
    happens("online");
    await vi.advanceTimersByTimeAsync(3_999);
    line.say("heartbeat", { time: 2 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect([client.status, gateway.lines.length]).toEqual(["open", 1]);
    expect(pongs, "the client's own ping is no push").not.toHaveBeenCalled();
  });

  it("is given up soon after a sleep of two minutes", async () => {
    const { line } = await gateway.open();
    vi.setSystemTime(Date.now() + 120_000);
    await vi.advanceTimersByTimeAsync(5_250);
    expect(line.closed).toBe(0);
    expect(gateway.lines).toHaveLength(2);
  });

  it("is given up 4 s after the first reason, however many come", async () => {
    const { line } = await gateway.open();
    for (let seconds = 0; seconds < 4; seconds += 1) {
      happens("online");
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(line.closed).toBe(0);
  });

  it("is left alone by an idle client between two heartbeats", async () => {
    const { client, line } = await gateway.open();
    client.send({ type: "leave", room: "a" });
    line.say("heartbeat", { time: 1 });
    await vi.advanceTimersByTimeAsync(50_000);
    expect([client.status, line.unread]).toEqual(["open", ["leave"]]);
  });
});

describe("an attempt to connect", () => {
  it("begins again when the browser is online, but not when the page is shown", async () => {
    const client = gateway.connect();
    await turn();
    happens("pageshow");
    happens("visibilitychange");
    await turn();
    expect(gateway.lines).toHaveLength(1);
    happens("online");
    await turn();
    expect([gateway.lines.length, gateway.lines[0]?.closed]).toEqual([2, 0]);
    gateway.lines[0]?.welcome();
    expect(client.status).toBe("connecting");
    gateway.line.welcome();
    expect(client.status).toBe("open");
  });

  it.each(["online", "pageshow", "visibilitychange"])(
    "comes at once at '%s' instead of after a delay",
    async (event) => {
      const { client, line } = await gateway.open();
      line.end(4100);
      happens(event);
      await turn();
      expect(gateway.lines).toHaveLength(2);
      gateway.line.welcome();
      await vi.advanceTimersByTimeAsync(1_000);
      expect([client.status, gateway.lines.length]).toEqual(["open", 2]);
    },
  );

  it("is given up 10 s after its start, with the time of the token function, and made again", async () => {
    const client = gateway.connect({
      token: () => new Promise((resolve) => setTimeout(resolve, 8_000, "late")),
    });
    await vi.advanceTimersByTimeAsync(8_000);
    const { line } = gateway;
    await vi.advanceTimersByTimeAsync(1_999);
    expect([client.status, line.closed]).toEqual(["connecting", undefined]);
    await vi.advanceTimersByTimeAsync(1);
    expect([client.status, line.closed]).toEqual(["reconnecting", 0]);
    await vi.advanceTimersByTimeAsync(8_250);
    gateway.line.welcome();
    expect(client.status).toBe("open");
  });

  it("does not wait for a token function that never ends, or that ends too late", async () => {
    const errors: (TidegateError | undefined)[] = [];
    const gives: ((token: string) => void)[] = [];
    const client = gateway.connect({ token: () => new Promise((resolve) => gives.push(resolve)) });
    client.on("status", ({ error }) => errors.push(error));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(errors).toMatchObject([{ code: "token_failed", retryable: true }]);
    gives[0]?.("too late");
    await turn();
    expect(gateway.lines).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(250);
    gives[1]?.("fresh");
    await turn();
    expect(gateway.lines.map(({ protocols }) => protocols[1])).toEqual(["bearer.fresh"]);
  });
});

describe("a request that the gateway refused without its ref", () => {
  const UNREADABLE = { code: "invalid_json", message: "not JSON", temporary: false };

  it("fails where it is the only one: a request, a join, a live query", async () => {
    const { client, line } = await gateway.open();
    for (const ask of [
      () => client.ping(),
      () => client.join("a"),
      () => resource(client, "users").subscribe().loaded(),
    ]) {
      const asked: Promise<unknown> = ask();
      asked.catch(() => {});
      line.say("error", UNREADABLE);
      expect(await ended(asked)).toMatchObject({ name: "RequestRefused", code: "invalid_json" });
    }
  });

  it("is not guessed among several, and is reported", async () => {
    const { client, line } = await gateway.open();
    const heard = vi.fn();
    client.on("error", heard);
    const first = client.ping();
    const second = client.ping();
    line.say("error", UNREADABLE);
    for (const ping of [line.take("ping"), line.take("ping")]) line.reply(ping, "pong", { time: 1 });
    expect(await ended(Promise.all([first, second]))).toEqual([1, 1]);
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe("a socket that throws when something is sent", () => {
  it.each(["later", "at once"])("is a broken connection, and what may be repeated survives: %s", async (when) => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    room.join();
    line.join("a");
    await turn();
    const broken = when === "later" ? line : await gateway.next(4201);
    broken.send = () => {
      throw new DOMException("still in CONNECTING state", "InvalidStateError");
    };
    const [said, listed] = [room.send("hello"), resource(client, "users").list()];
    const asked = client.request({ type: "vote" } as never);
    asked.catch(() => {});
    if (when === "at once") broken.welcome();
    const { length } = gateway.lines;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(gateway.lines).toHaveLength(length + 1);
    const next = gateway.line.welcome();
    next.join("a", { recovered: true });
    next.reply(next.take("message"), "sent", { room: "a", position: { epoch: "r", offset: 1 } });
    next.reply(next.take("list"), "rows", { rows: [], position: POSITION });
    expect(await ended(said)).toEqual({ epoch: "r", offset: 1 });
    expect(await ended(listed)).toEqual([]);
    expect(await ended<unknown>(asked)).toMatchObject({ code: "connection_lost" });
    expect([client.status, room.status, next.unread]).toEqual(["open", "joined", []]);
  });

  it("is one that a probe finds", async () => {
    const { line } = await gateway.open();
    line.send = () => {
      throw new DOMException("still in CONNECTING state", "InvalidStateError");
    };
    happens("online");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(gateway.lines).toHaveLength(2);
  });
});
