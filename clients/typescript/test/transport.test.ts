// Which transport the client chooses, against a real gateway, where WebSockets are blocked and where they are not.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type Client, connect, InvalidOption, type Options } from "../src/index.js";
import { systemClock } from "../src/options.js";
import { EventSocket } from "../src/sse/index.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";
import { Relay } from "./support/relay.js";

describe("the transport", () => {
  const gateway = new Gateway();
  const clients: Client[] = [];
  let attempts = 0;
  let relay: Relay;

  /** In the place of the browser's class. */
  class Blocked {
    onclose: ((event: never) => void) | null = null;

    constructor() {
      attempts += 1;
      queueMicrotask(() => this.onclose?.({ code: 1006 } as never));
    }

    close(): void {}
  }

  beforeAll(async () => {
    gateway.migrate();
    await gateway.start();
    relay = new Relay(gateway.port);
    await relay.start();
  });

  afterAll(async () => {
    relay.stop();
    await gateway.remove();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    attempts = 0;
  });

  function client(options: Options = {}): Client {
    const made = connect(gateway.url, { random: () => 0, ...options });
    clients.push(made);
    return made;
  }

  it("becomes events after two WebSockets that did not come about, and stays so for ten minutes", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    let later = 0;
    const clock = { ...systemClock, now: () => Date.now() + later };
    const one = connect(relay.url, { random: () => 0, clock });
    clients.push(one);
    await eventually(() => expect(one.status).toBe("open"));
    expect(attempts).toBe(2);
    expect(await one.ping()).toBeGreaterThan(0);
    const { connection } = one.welcome ?? {};

    relay.cut();
    await eventually(() => expect(one.welcome?.connection).not.toBe(connection));
    expect(attempts).toBe(2);

    vi.stubGlobal("WebSocket", WebSocket);
    const fetched = vi.spyOn(globalThis, "fetch");
    const again = one.welcome?.connection;
    later = 600_001;
    relay.cut();
    await eventually(() => expect(one.welcome?.connection).not.toBe(again));
    fetched.mockClear();
    await one.ping();
    expect(fetched).not.toHaveBeenCalled();
  });

  it("ends the session of a page that is left, and comes back with it", async () => {
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const one = client({ transport: "sse" });
    const two = client({ WebSocket });
    const room = two.room("chat-left");
    await one.join("chat-left");
    await room.join();
    const { id } = one.user ?? {};
    const others = () => room.members.filter((member) => member.id === id);
    await eventually(() => expect(others()).toHaveLength(1));
    const left = new Promise<void>((resolve) => {
      room.on("presence", () => others().length === 0 && resolve());
    });
    page.dispatchEvent(new Event("pagehide"));
    await left;
    await eventually(() => expect(one.status).toBe("open"));
    await eventually(() => expect(others()).toHaveLength(1));
  });

  it("stays a WebSocket where the program says so", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    const fetched = vi.spyOn(globalThis, "fetch");
    client({ transport: "websocket" });
    client({ WebSocket: Blocked as never });
    await eventually(() => expect(attempts).toBeGreaterThan(6));
    expect(fetched).not.toHaveBeenCalled();
  });

  it("stays a WebSocket where HTTP does not answer either", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    const one = client();
    await eventually(() => expect(fetched.mock.calls.length).toBeGreaterThan(1));
    expect(attempts).toBeGreaterThanOrEqual(4);
    vi.stubGlobal("WebSocket", WebSocket);
    await eventually(() => expect(one.status).toBe("open"));
  });

  it("refuses another word", () => {
    expect(() => connect(gateway.url, { transport: "SSE" as never })).toThrow(InvalidOption);
  });

  it("sends what was sent before the end, and never a token in a URL", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    const token = gateway.run("token", "--user", "1", "--dev").trim();
    const one = client({ transport: "sse", token });
    const two = client({ WebSocket: EventSocket });
    await two.join("chat-end");
    const heard: unknown[] = [];
    two.on("message" as never, (message: { data: unknown }) => heard.push(message.data));
    await one.join("chat-end");
    for (let number = 0; number < 300; number += 1) {
      one.send({ type: "message", room: "chat-end", data: { text: `${number}` } });
    }
    one.close();
    await eventually(() => expect(heard).toHaveLength(300));
    expect(heard).toEqual([...Array(300).keys()].map((number) => ({ text: `${number}` })));
    await eventually(() => expect(fetched.mock.calls.at(-1)?.[1]?.method).toBe("DELETE"));
    expect(fetched.mock.calls.length).toBeLessThan(30);
    for (const [url] of fetched.mock.calls) expect(url).not.toContain(token);
  });
});
