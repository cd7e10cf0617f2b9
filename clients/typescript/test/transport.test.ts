// Which transport the client chooses, against a real gateway, where WebSockets are blocked and where they are not.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type Client, connect, InvalidOption, type Options } from "../src/index.js";
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

  /** Over what a client speaks. */
  async function spokenOver(one: Client): Promise<"events" | "a WebSocket"> {
    const fetched = vi.spyOn(globalThis, "fetch");
    await one.ping();
    const requests = fetched.mock.calls.length;
    fetched.mockRestore();
    return requests ? "events" : "a WebSocket";
  }

  /** A page, with as much of a storage as there is to one. */
  function page(): Map<string, string> {
    const kept = new Map<string, string>();
    vi.stubGlobal("location", { href: "https://app.test/" });
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    });
    return kept;
  }

  it("becomes events after two WebSockets that did not come about, and stays so", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    const one = connect(relay.url, { random: () => 0 });
    clients.push(one);
    await eventually(() => expect(one.status).toBe("open"));
    expect(await spokenOver(one)).toBe("events");
    expect(attempts, "and one more beside the stream").toBe(3);
    const { connection } = one.welcome ?? {};
    relay.cut();
    await eventually(() => expect(one.welcome?.connection).not.toBe(connection));
    expect(await spokenOver(one)).toBe("events");
    expect(attempts).toBe(4);
  });

  it("is a WebSocket again when one comes about beside a new stream", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    const one = connect(relay.url, { random: () => 0 });
    clients.push(one);
    await eventually(() => expect(one.status).toBe("open"));
    vi.stubGlobal("WebSocket", WebSocket);
    relay.cut();
    await eventually(() => expect(one.status).toBe("reconnecting"));
    await eventually(async () => expect(await spokenOver(one)).toBe("a WebSocket"));
    expect(attempts).toBe(3);
  });

  it("is a WebSocket after a gateway that came back between a WebSocket and the events", async () => {
    const kept = page();
    // The gateway is back when two have failed.
    const construct = (_: unknown, given: [string, string[]]) =>
      attempts < 2 ? new Blocked() : new WebSocket(...given);
    vi.stubGlobal("WebSocket", new Proxy(WebSocket, { construct }));
    const one = client();
    await eventually(() => expect(one.status).toBe("open"));
    await eventually(async () => expect(await spokenOver(one)).toBe("a WebSocket"));
    expect([...kept.values()].filter(Boolean)).toEqual([]);
  });

  it("is remembered for the next page, until a WebSocket comes about", async () => {
    const kept = page();
    vi.stubGlobal("WebSocket", Blocked);
    await client().ping();
    expect([...kept]).toEqual([[`tidegate.sse:${new URL(gateway.url).origin}`, "sse"]]);
    attempts = 0;
    const two = client();
    await two.ping();
    expect(attempts, "none before the stream, one beside it").toBe(1);

    const three = client({ transport: "websocket" });
    await eventually(() => expect(attempts).toBeGreaterThan(3));
    three.close();

    vi.stubGlobal("WebSocket", WebSocket);
    const four = client();
    await eventually(async () => expect(await spokenOver(four)).toBe("a WebSocket"));
    expect([...kept.values()]).toEqual([""]);
    const fetched = vi.spyOn(globalThis, "fetch");
    await client().ping();
    expect(fetched).not.toHaveBeenCalled();
  });

  it("is a WebSocket where events are remembered and do not come about any more", async () => {
    const kept = page();
    kept.set(`tidegate.sse:${new URL(gateway.url).origin}`, "sse");
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("an inspecting proxy"));
    vi.stubGlobal("WebSocket", WebSocket);
    await client().ping();
    expect(fetched).toHaveBeenCalledTimes(1);
    expect([...kept.values()]).toEqual([""]);
  });

  it("needs no storage, and writes into none where nothing is blocked or chosen", async () => {
    vi.stubGlobal("WebSocket", WebSocket);
    const kept = page();
    await client({ identity: "none" }).ping();
    const events = client({ identity: "none", transport: "sse" });
    await events.ping();
    expect(await spokenOver(events)).toBe("events");
    await client({ identity: "none", WebSocket: EventSocket }).ping();
    expect([...kept]).toEqual([]);

    const forbidden = () => {
      throw new DOMException("forbidden", "SecurityError");
    };
    vi.stubGlobal("localStorage", { getItem: forbidden, setItem: forbidden });
    vi.stubGlobal("WebSocket", Blocked);
    const one = client();
    await one.ping();
    expect(await spokenOver(one)).toBe("events");
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

  it("is a WebSocket where the code of events cannot be loaded any more", async () => {
    vi.stubGlobal("WebSocket", Blocked);
    vi.doMock("../src/sse/index.js", () => {
      throw new Error("404 Not Found");
    });
    const one = client();
    const told: unknown[] = [];
    one.on("status", ({ error }) => error && told.push(error.code));
    await eventually(() => expect(attempts).toBeGreaterThan(3));
    vi.doUnmock("../src/sse/index.js");
    vi.stubGlobal("WebSocket", WebSocket);
    await one.ping();
    expect(new Set(told)).toEqual(new Set(["unreachable"]));
  });

  it("is tried again where the program chose events and their code does not load, which is told as that", async () => {
    vi.doMock("../src/sse/index.js", () => {
      throw new Error("404 Not Found");
    });
    const one = client({ transport: "sse", token: () => "", random: () => 0.1 });
    const told: unknown[] = [];
    one.on("status", ({ status, error }) => told.push([status, error?.code, error?.retryable, error?.message]));
    await eventually(() => expect(told).not.toEqual([]));
    expect(told[0]).toEqual(["reconnecting", "import_failed", true, expect.stringMatching(/^the import failed: ./)]);
    vi.doUnmock("../src/sse/index.js");
    await one.ping();
    expect(told.at(-1)).toEqual(["open", undefined, undefined, undefined]);
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
    await fetched.mock.results.at(-1)?.value;
    await new Promise(setImmediate);
    const streams = fetched.mock.calls.filter(([, init]) => init?.cache);
    // The gateway ends the stream, when it has done what was said.
    expect(streams.map(([, init]) => init?.signal?.aborted)).toEqual([false, false]);
    expect(fetched.mock.calls.length).toBeLessThan(30);
    for (const [url] of fetched.mock.calls) expect(url).not.toContain(token);
  });
});
