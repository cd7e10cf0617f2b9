// Connecting and reconnecting: welcome, identity, close codes, goodbye, silence, and the end.

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

describe("reconnecting", () => {
  it("waits for a random time that grows, until a connection is open again", async () => {
    const client = gateway.connect();
    await turn();
    for (const wait of [250, 500, 1000, 2000]) {
      const attempts = gateway.lines.length;
      gateway.line.end();
      expect(client.status).toBe("reconnecting");
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(gateway.lines).toHaveLength(attempts);
      await vi.advanceTimersByTimeAsync(1);
      expect(gateway.lines).toHaveLength(attempts + 1);
    }
    gateway.line.welcome();
    expect(client.status).toBe("open");
    await vi.advanceTimersByTimeAsync(5000);
    gateway.line.end();
    await vi.advanceTimersByTimeAsync(250);
    expect(gateway.lines).toHaveLength(6);
  });

  it("tells from the third attempt on that no gateway answers, until one does", async () => {
    const client = gateway.connect();
    const told: (string | undefined)[] = [];
    client.on("status", ({ status, error }) =>
      told.push(error ? `${status}: ${error.code} ${error.retryable}` : status),
    );
    await turn();
    for (let attempt = 0; attempt < 4; attempt++) {
      gateway.line.end();
      await vi.advanceTimersByTimeAsync(5000);
    }
    const none = "reconnecting: unreachable true";
    expect(told.splice(0)).toEqual(["reconnecting", "reconnecting", none, none]);
    gateway.line.welcome();
    // From now on the address is known to be right.
    await vi.advanceTimersByTimeAsync(5000);
    for (let attempt = 0; attempt < 4; attempt++) {
      gateway.line.end();
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(told).toEqual(["open", "reconnecting", "reconnecting", "reconnecting", "reconnecting"]);
  });

  it.each([
    [4001, "the token is not valid"],
    [4003, ""],
    [4009, ""],
    [4010, ""],
    [4077, ""],
  ])("stops after %i and says why", async (code, reason) => {
    const { client, line } = await gateway.open();
    const errors: unknown[] = [];
    client.on("status", ({ error }) => errors.push(error));
    const room = client.room("a");
    room.join();
    room.on("error", (error) => errors.push(error));
    resource(client, "users")
      .subscribe()
      .on("error", (error) => errors.push(error));
    line.end(code, reason);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.lines).toHaveLength(1);
    expect(client.status).toBe("closed");
    const [error, ...told] = errors as [ConnectionClosed];
    expect(told, "listeners of rooms and rows get the error too").toEqual([error, error]);
    expect(error).toBeInstanceOf(ConnectionClosed);
    expect([error.closeCode, error.retryable]).toEqual([code, false]);
    expect(error.message).toBeTruthy();
    if (reason) expect(error.message).toBe(reason);
    expect(await ended(client.request({ type: "ping" }))).toBe(error);
  });

  it("reconnects after the delay that goodbye named", async () => {
    const { line } = await gateway.open();
    await vi.advanceTimersByTimeAsync(5000);
    line.say("goodbye", { code: 4201, reason: "the gateway restarts", retry_after: 2.5 });
    line.end(4201);
    await vi.advanceTimersByTimeAsync(2499);
    expect(gateway.lines).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(gateway.lines).toHaveLength(2);
    gateway.line.end(4201);
    await vi.advanceTimersByTimeAsync(500);
    expect(gateway.lines, "an old goodbye counts no more").toHaveLength(3);
  });

  it("does not reconnect in a loop to a gateway that drains", async () => {
    await gateway.open();
    for (let seconds = 0; seconds < 10; seconds += 1) {
      gateway.line.welcome();
      gateway.line.end(4200);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(gateway.lines.length).toBeLessThan(7);
  });

  it("gives a silent connection up after two heartbeats and 5 s", async () => {
    const { client, line } = await gateway.open();
    await vi.advanceTimersByTimeAsync(40_000);
    line.say("heartbeat", { time: 1 });
    await vi.advanceTimersByTimeAsync(54_000);
    expect([client.status, line.closed]).toEqual(["open", undefined]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(line.closed).toBe(0);
    expect(gateway.lines).toHaveLength(2);
    line.welcome();
    line.end(4001);
    expect(client.status, "the old line has nothing to say any more").toBe("reconnecting");
  });

  it("tries at once when the browser is online again, on one connection only", async () => {
    const browser = new EventTarget();
    vi.stubGlobal("addEventListener", browser.addEventListener.bind(browser));
    vi.stubGlobal("removeEventListener", browser.removeEventListener.bind(browser));
    const tokens: ((token: string) => void)[] = [];
    const client = gateway.connect({ token: () => new Promise((resolve) => tokens.push(resolve)) });
    await turn();
    tokens[0]?.("one");
    await turn();
    gateway.line.end();
    browser.dispatchEvent(new Event("online"));
    await turn();
    browser.dispatchEvent(new Event("online"));
    await turn();
    for (const give of tokens) give("two");
    await turn();
    expect(gateway.lines).toHaveLength(2);
    gateway.line.welcome();
    const asked = tokens.length;
    browser.dispatchEvent(new Event("online"));
    await turn();
    expect([client.status, tokens.length], "an open line needs no other").toEqual(["open", asked]);
    client.close();
    browser.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.lines).toHaveLength(2);
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
