// How the client chooses between WebSockets and events, and what a stream of events does: without a gateway.

import { afterEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { connect } from "../src/index.js";
import { type Options, settingsOf, systemClock } from "../src/options.js";
import { EventSocket } from "../src/sse/index.js";
import { Transport } from "../src/transport.js";

const URL_OF_GATEWAY = "ws://gateway.test/ws";
const WELCOME = { type: "welcome", identity: "signed-1", limits: { max_message: 1000 } };

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("the choice of a transport", () => {
  function choice(options: Options = {}): Transport {
    const clock = { ...systemClock, now: () => 1000 };
    return new Transport(settingsOf({ clock, openTimeout: 10, ...options }), URL_OF_GATEWAY);
  }

  it("leaves a WebSocket half of the time to connect, because some proxies swallow it", () => {
    const one = choice();
    expect(one.deadline(11_000)).toBe(6_000);
    expect(one.deadline(4_000), "the token took the rest").toBe(4_000);
    one.failed();
    one.failed();
    expect([one.events, one.deadline(11_000)]).toEqual([true, 11_000]);
  });

  it("leaves all of the time where there is no choice", () => {
    for (const options of [{ transport: "websocket" }, { transport: "sse" }, { WebSocket: EventSocket }] as Options[])
      expect(choice(options).deadline(11_000)).toBe(11_000);
  });

  it("is a WebSocket where the code of events does not load, unless the program chose events", async () => {
    const one = choice();
    one.failed();
    one.failed();
    const chosen = choice({ transport: "sse" });
    expect([await one.load(), await chosen.load()]).toEqual([EventSocket, EventSocket]);
    vi.doMock("../src/sse/index.js", () => {
      throw new Error("404 Not Found");
    });
    await expect(chosen.load()).rejects.toThrow();
    expect([await one.load(), one.events]).toEqual([undefined, false]);
    vi.doUnmock("../src/sse/index.js");
  });

  it("tries events at once after two WebSockets in a row, of which none came about", () => {
    const one = choice();
    expect(one.failed()).toBe(false);
    one.worked();
    expect([one.failed(), one.failed()], "the first failure is long ago").toEqual([false, true]);
    expect([one.failed(), one.failed(), one.failed()], "events that do not come about").toEqual([false, false, true]);
  });
});

describe("a client that chooses", () => {
  /** Connect with WebSockets that close with this code before a welcome; the random part of each wait is all of it. */
  function blocked(code: number) {
    vi.useFakeTimers();
    const made = vi.fn();
    class Closing {
      onclose: ((event: object) => void) | undefined;

      constructor() {
        made();
        queueMicrotask(() => this.onclose?.({ code }));
      }

      close(): void {}
    }
    vi.stubGlobal("WebSocket", Closing);
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    return { client: connect(URL_OF_GATEWAY, { random: () => 1 }), made, fetched };
  }

  it("does not wait between the second WebSocket that does not come about and events", async () => {
    const { client, made, fetched } = blocked(1006);
    await vi.advanceTimersByTimeAsync(500);
    expect(made).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(1);
    await vi.dynamicImportSettled();
    expect(fetched).toHaveBeenCalledTimes(1);
    client.close();
  });

  it("does not take a gateway that closes with a code for a proxy that blocks", async () => {
    const { client, made, fetched } = blocked(1013);
    await vi.advanceTimersByTimeAsync(60_000);
    await vi.dynamicImportSettled();
    expect(made.mock.calls.length).toBeGreaterThan(3);
    expect(fetched).not.toHaveBeenCalled();
    client.close();
  });
});

describe("a stream of events", () => {
  /** Stands for the browser's class: a WebSocket that the test opens. */
  class Other {
    static made: Other[] = [];
    onopen: (() => void) | undefined;
    onmessage: (() => void) | undefined;
    readonly close = vi.fn();

    constructor(
      readonly url: string,
      readonly protocols: string[],
    ) {
      Other.made.push(this);
    }
  }

  /** A stream whose events the test writes, and what came out of it. */
  function stream(unblocked?: () => void) {
    Other.made = [];
    vi.stubGlobal("WebSocket", Other);
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, { method, signal } = {}) => {
      if (method) return (await posted.shift()) ?? new Response();
      const events = new ReadableStream<Uint8Array>({
        start: (controller) => {
          body = controller;
        },
      });
      signal?.addEventListener("abort", () => body?.error(new Error("aborted")));
      return new Response(events);
    });
    const posted: Promise<Response>[] = [];
    const heard: string[] = [];
    const ended: unknown[] = [];
    const socket = new EventSocket(URL_OF_GATEWAY, ["tidegate.v1", "bearer.t"], unblocked);
    socket.onmessage = ({ data }: { data: string }) => heard.push(data);
    socket.onclose = (event: unknown) => ended.push(event);
    const write = async (...events: string[]) => {
      await vi.waitFor(() => expect(body).toBeDefined());
      body?.enqueue(new TextEncoder().encode(events.map((event) => `${event}\n\n`).join("")));
    };
    const welcome = async () => {
      await write(`id: s1\ndata: ${JSON.stringify(WELCOME)}`);
      await vi.waitFor(() => expect(heard).toHaveLength(1));
    };
    return { socket, posted, heard, ended, write, welcome };
  }

  it("ends for a WebSocket beside it that brings a message, and not for one that only opens", async () => {
    const unblocked = vi.fn();
    const { heard, ended, welcome } = stream(unblocked);
    await welcome();
    const [other] = Other.made as [Other];
    expect([other.url, other.protocols]).toEqual([URL_OF_GATEWAY, ["tidegate.v1", "bearer.t"]]);
    vi.useFakeTimers();
    other.onopen?.();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([unblocked.mock.calls, heard.length, ended, other.close.mock.calls]).toEqual([[], 1, [], []]);
    other.onmessage?.();
    expect(unblocked).toHaveBeenCalledTimes(1);
    expect(JSON.parse(heard[1] as string)).toEqual({ type: "goodbye", code: 1012, reason: "" });
    await vi.advanceTimersByTimeAsync(999);
    expect(ended, "what was said before is answered").toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toEqual([{ code: 1006, reason: "" }]);
    expect(other.close).toHaveBeenCalledTimes(1);
  });

  it("does not end for a WebSocket before what was said has gone out", async () => {
    const { socket, posted, ended, welcome } = stream(() => {});
    await welcome();
    vi.useFakeTimers();
    let taken = (_: Response) => {};
    posted.push(
      new Promise((resolve) => {
        taken = resolve;
      }),
    );
    socket.send('{"type":"leave","room":"a"}');
    Other.made[0]?.onmessage?.();
    await vi.advanceTimersByTimeAsync(5000);
    expect(ended).toEqual([]);
    taken(new Response());
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toHaveLength(1);
  });

  it.each([
    ["ws://gateway.test/ws", "http://gateway.test/sse"],
    ["wss://news.test/live/ws?a=1", "https://news.test/live/sse"],
    ["https://news.test/ws", "https://news.test/sse"],
    ["/live/ws", "https://app.test/live/sse"],
  ])("is read beside the address of WebSockets: %s", (url, read) => {
    vi.stubGlobal("location", { href: "https://app.test/page" });
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    new EventSocket(url);
    expect(fetched.mock.calls[0]?.[0]).toBe(read);
  });

  it("has no WebSocket beside it where the program chose events", async () => {
    const { welcome } = stream();
    await welcome();
    expect(Other.made).toEqual([]);
  });

  it.each(["close", "break"])("gives up the WebSocket beside it with its own end: %s", async (how) => {
    const { socket, ended, write, welcome } = stream(() => {});
    await welcome();
    if (how === "close") socket.close();
    else await write('event: close\ndata: {"code":4001,"reason":"revoked"}');
    await vi.waitFor(() => expect(Other.made[0]?.close).toHaveBeenCalledTimes(1));
    expect(ended).toEqual(how === "close" ? [] : [{ code: 4001, reason: "revoked" }]);
  });

  it("is not disturbed by the error of a WebSocket that is refused", async () => {
    const { socket, ended, welcome } = stream(() => {});
    let refused: Promise<void> | undefined;
    class Refused extends WebSocket {
      constructor() {
        super("ws://127.0.0.1:1");
        refused = new Promise((resolve) => this.addEventListener("close", () => resolve()));
      }
    }
    vi.stubGlobal("WebSocket", Refused);
    await welcome();
    await refused;
    expect(ended).toEqual([]);
    socket.close();
  });

  it("reports events with data alone, and none after its end", async () => {
    const { heard, ended, write, welcome } = stream();
    await welcome();
    const message = '{"type":"message","data":{"text":"a: b"}}';
    await write(":", `data: ${message}`, 'event: close\ndata: {"code":4202,"reason":""}', `data: ${message}`);
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(heard.slice(1)).toEqual([message]);
  });
});
