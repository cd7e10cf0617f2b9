// When a client connects again: how long it waits, what it tells meanwhile, and what makes it try at once.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionClosed, resource } from "../src/index.js";
import { ended, Scripted, turn } from "./support/scripted.js";

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
