// Connecting: welcome, identity, the contract, and the end. What comes after a lost connection is in reconnecting.test.ts.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionClosed, connect, type Options, resource, type Status, type TidegateError } from "../src/index.js";
import { ended, Scripted, turn, USER } from "./support/scripted.js";

const GUEST = { id: "anon-1", name: "Guest 1", roles: [], anonymous: true };
const OTHER_GUEST = { ...GUEST, id: "anon-2" };

let gateway: Scripted;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("connecting", () => {
  it("is open with the welcome, and then knows its user", async () => {
    const client = gateway.connect();
    const heard: [Status, string | undefined][] = [];
    client.on("status", ({ status }) => heard.push([status, client.user?.name]));
    expect(client.status).toBe("connecting");
    await turn();
    expect(gateway.line.url).toBe("ws://gateway.test/ws");
    expect(client.status).toBe("connecting");
    gateway.line.welcome();
    expect([client.status, client.user]).toEqual(["open", USER]);
    expect(heard).toEqual([["open", "Ann"]]);
  });

  it("offers the protocol, and the token beside it, never in the URL", async () => {
    gateway.connect();
    gateway.connect({ token: "a.b.c" });
    await turn();
    expect(gateway.lines.map(({ protocols }) => protocols)).toEqual([["tidegate.v1"], ["tidegate.v1", "bearer.a.b.c"]]);
    expect(gateway.line.url).not.toContain("a.b.c");
  });

  it("asks a token function before each connection, and again when it fails", async () => {
    const token = vi
      .fn()
      .mockResolvedValueOnce("one")
      .mockRejectedValueOnce(new Error("down"))
      .mockResolvedValue("two");
    gateway.connect({ token });
    await turn();
    gateway.line.welcome();
    gateway.line.end(4202);
    await turn();
    expect(gateway.lines).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.lines.map(({ protocols }) => protocols[1])).toEqual(["bearer.one", "bearer.two"]);
  });

  it("stays closed when a token function fails after close()", async () => {
    let fail = (_: Error) => {};
    const client = gateway.connect({ token: () => new Promise((_, reject) => (fail = reject)) });
    await turn();
    client.close();
    fail(new Error("down"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([client.status, gateway.lines.length]).toEqual(["closed", 0]);
  });

  it("says what to install where there is no WebSocket", async () => {
    vi.stubGlobal("WebSocket", undefined);
    for (const token of [undefined, () => "t"]) {
      const client = connect("ws://gateway.test/ws", token ? { token } : {});
      const closed = new Promise<TidegateError | undefined>((resolve) =>
        client.on("status", ({ error }) => resolve(error)),
      );
      const asked = client.request({ type: "ping" });
      expect((await closed)?.message).toContain("npm install ws");
      await expect(asked).rejects.toThrow("npm install ws");
      await expect(resource(client, "users").list()).rejects.toThrow("npm install ws");
    }
  });

  it("gives up an attempt without a welcome after openTimeout, and tries again", async () => {
    const client = gateway.connect({ openTimeout: 2 });
    await vi.advanceTimersByTimeAsync(1999);
    expect([client.status, gateway.line.closed]).toEqual(["connecting", undefined]);
    const { line } = gateway;
    await vi.advanceTimersByTimeAsync(1);
    expect([client.status, line.closed]).toEqual(["reconnecting", 0]);
    await vi.advanceTimersByTimeAsync(250);
    gateway.line.welcome();
    expect(client.status).toBe("open");
  });

  it("drops a connection that the gateway does not close after goodbye", async () => {
    const { client, line } = await gateway.open();
    line.say("goodbye", { code: 4201, reason: "restart", retry_after: 2 });
    await vi.advanceTimersByTimeAsync(14_999);
    expect([client.status, line.closed]).toEqual(["open", undefined]);
    await vi.advanceTimersByTimeAsync(1);
    expect([client.status, line.closed]).toEqual(["reconnecting", 0]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(gateway.lines).toHaveLength(2);
  });

  it("keeps the welcome, and answers a ping", async () => {
    const { client, line } = await gateway.open();
    expect(client.welcome).toMatchObject({ connection: "c1", heartbeat: 25 });
    const asked = client.ping();
    line.reply(line.take("ping"), "pong", { time: 5 });
    expect(await ended(asked)).toBe(5);
  });

  it("refuses an option that does not exist", () => {
    expect(() => gateway.connect({ timeout: 5 } as Options)).toThrow('there is no option "timeout"');
  });

  it("uses the WebSocket that is there when it connects, not when it is made", async () => {
    const client = connect("ws://gateway.test/ws");
    vi.stubGlobal("WebSocket", gateway.WebSocket);
    await turn();
    gateway.line.welcome();
    expect(client.status).toBe("open");
  });

  it("ignores frames that are no messages, and messages of unknown types", async () => {
    const { client, line } = await gateway.open();
    for (const frame of ["hello", "null", "7", "[]", new ArrayBuffer(2)]) line.raw(frame);
    line.say("a_type_of_a_newer_gateway", { room: 7 });
    expect(client.status).toBe("open");
  });

  it("calls a listener until it is stopped, even if other listeners throw", async () => {
    const { client, line } = await gateway.open();
    const later = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => {});
    const heard: string[] = [];
    client.on("error", () => {
      throw new Error("a defect of the program");
    });
    const end = client.on("error", ({ code }) => heard.push(code));
    line.say("error", { code: "invalid_json", message: "?", temporary: false });
    end();
    line.say("error", { code: "unknown_type", message: "?", temporary: false });
    expect(later).toHaveBeenCalledTimes(2);
    for (const [rethrow] of later.mock.calls) expect(rethrow).toThrow("a defect of the program");
    expect(heard).toEqual(["invalid_json"]);
  });
});

describe("identity", () => {
  async function guest() {
    const client = gateway.connect();
    await turn();
    gateway.line.welcome({ user: GUEST, identity: "signed-1" });
    return client;
  }

  async function nextLine() {
    return (await gateway.next(4201)).welcome({ user: OTHER_GUEST, identity: "signed-2" });
  }

  it("is given back by an anonymous client before any other message", async () => {
    const client = await guest();
    for (let times = 0; times < 2; times += 1) {
      const line = await nextLine();
      expect(client.status).toBe("reconnecting");
      const request = line.take("authenticate");
      expect(request.token).toBe("signed-1");
      line.reply(request, "authenticated", { user: GUEST });
      expect([client.status, client.user]).toEqual(["open", GUEST]);
    }
  });

  it("is a new one where the gateway refuses the old one", async () => {
    const client = await guest();
    const line = await nextLine();
    line.refuse(line.take("authenticate"), "unauthenticated");
    expect([client.status, client.user]).toEqual(["open", OTHER_GUEST]);
    const next = await nextLine();
    expect(next.take("authenticate").token).toBe("signed-2");
  });

  it("survives a connection that breaks before the gateway answers", async () => {
    const client = await guest();
    client.room("a").join();
    gateway.line.join("a");
    await nextLine();
    const opened: Status[] = [];
    client.on("status", ({ status }) => opened.push(status));
    const asked = client.request({ type: "ping" });
    gateway.line.end();
    expect(opened).toEqual(["reconnecting"]);
    await vi.advanceTimersByTimeAsync(1000);
    gateway.line.welcome({ user: OTHER_GUEST, identity: "signed-3" });
    gateway.line.reply(gateway.line.take("authenticate"), "authenticated", { user: GUEST });
    gateway.line.join("a");
    expect(client.user).toEqual(GUEST);
    gateway.line.reply(gateway.line.take("ping"), "pong", { time: 5 });
    expect(await ended(asked)).toMatchObject({ time: 5 });
  });

  it("is that of the token last authenticated with, on later connections too", async () => {
    const client = await guest();
    const becoming = client.authenticate("token-of-ann");
    const request = gateway.line.take("authenticate");
    expect(request.token).toBe("token-of-ann");
    gateway.line.reply(request, "authenticated", { user: USER });
    expect(await ended(becoming)).toEqual(USER);
    expect(client.user).toEqual(USER);
    const line = await gateway.reconnect();
    expect(line.protocols).toEqual(["tidegate.v1", "bearer.token-of-ann"]);
    expect(line.unread).toEqual([]);
  });
});

describe("close()", () => {
  it("closes the connection for good, and everything that waits fails with it", async () => {
    const { client, line } = await gateway.open();
    const heard: Status[] = [];
    client.on("status", ({ status }) => heard.push(status));
    const asked = client.request({ type: "ping" });
    const joined = client.room("a").join();
    const told = vi.fn();
    client.room("a").on("error", told);
    resource(client, "users").subscribe().on("error", told);
    asked.catch(() => {}); // looked at below
    client.close();
    client.close();
    expect([line.closed, heard]).toEqual([1000, ["closed"]]);
    expect(told, "the program closed the client itself").not.toHaveBeenCalled();
    const late = [() => client.room("b").join(), () => client.request({ type: "ping" })];
    for (const ask of [() => asked, () => joined, ...late]) {
      expect(await ended<unknown>(ask())).toBeInstanceOf(ConnectionClosed);
    }
    expect(() => client.send({ type: "ping" })).toThrow(ConnectionClosed);
    expect(() => resource(client, "users").subscribe()).toThrow(ConnectionClosed);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.lines).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends a client that never had a connection", async () => {
    const client = gateway.connect();
    const joined = client.room("a").join();
    client.close();
    expect(await ended<unknown>(joined)).toBeInstanceOf(ConnectionClosed);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.lines).toHaveLength(0);
  });
});

describe("the gateway's contract", () => {
  const warned = () => vi.spyOn(console, "warn").mockReturnValue();

  it("is one warning when it differs from the program's, and ends nothing", async () => {
    const warn = warned();
    const { client } = await gateway.open({ contract: "mine" });
    expect(client.status).toBe("open");
    await gateway.reconnect();
    await gateway.reconnect();
    expect(client.status).toBe("open");
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(/another contract: run `tidegate generate`/);
  });

  it.each([{}, { contract: "hash" }])(
    "is no warning when it is the same, or the program names none: %j",
    async (options) => {
      const warn = warned();
      await gateway.open(options);
      await gateway.reconnect();
      expect(warn).not.toHaveBeenCalled();
    },
  );
});
