// One order of sending: what the program asked first is sent first, before the connection opens, on an open one and after a
// break, by whatever part of the client it asked.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, resource } from "../src/index.js";
import type { Line } from "./support/scripted.js";
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
});

/** A client before its first connection, on an open one, and on a broken one; `open` gives the line it then sends on. */
const STATES: Record<string, () => Promise<{ client: Client; open: () => Promise<Line> }>> = {
  "before the connection opens": async () => {
    const client = gateway.connect();
    await turn();
    return { client, open: async () => gateway.line.welcome() };
  },
  "on an open connection": async () => {
    const { client, line } = await gateway.open();
    return { client, open: async () => line };
  },
  "while the connection is broken": async () => {
    const { client, line } = await gateway.open();
    line.end();
    return {
      client,
      open: async () => {
        await vi.advanceTimersByTimeAsync(1000);
        return gateway.line.welcome();
      },
    };
  },
};

const quiet = (promise: Promise<unknown>) => void promise.catch(() => {});

/** What a program asks, and the types of the messages that the gateway gets, in this order. */
const PROGRAMS: Record<string, { ask: (client: Client) => void; sent: string[] }> = {
  "send and request": {
    ask: (client) => {
      client.send({ type: "join", room: "a" });
      quiet(client.request({ type: "message", room: "a", data: 1 }));
      client.send({ type: "leave", room: "a" });
      quiet(client.ping());
    },
    sent: ["join", "message", "leave", "ping"],
  },
  "a room among others": {
    ask: (client) => {
      quiet(client.ping());
      const room = client.room("a");
      quiet(room.join());
      client.send({ type: "message", room: "a", data: 1 });
      quiet(room.send(2));
      client.send({ type: "presence", room: "a" });
      quiet(room.history());
    },
    sent: ["ping", "join", "message", "message", "presence", "history"],
  },
  "a room that is left": {
    ask: (client) => {
      const room = client.room("a");
      quiet(room.join());
      quiet(room.send(1));
      room.leave();
      quiet(client.ping());
    },
    sent: ["join", "message", "leave", "ping"],
  },
  "a live query among others": {
    ask: (client) => {
      client.send({ type: "leave", room: "a" });
      resource(client, "users").subscribe();
      quiet(client.ping());
      quiet(client.join("a"));
      resource(client, "tasks").subscribe();
    },
    sent: ["leave", "subscribe", "ping", "join", "subscribe"],
  },
};

describe.each(Object.keys(STATES))("what a program asks %s", (state) => {
  it.each(Object.keys(PROGRAMS))("is sent in its order: %s", async (name) => {
    const { ask, sent } = PROGRAMS[name] as (typeof PROGRAMS)[string];
    const { client, open } = await (STATES[state] as (typeof STATES)[string])();
    ask(client);
    const line = await open();
    expect(line.unread).toEqual(sent);
  });
});

describe("after a break", () => {
  it("ten messages said alternately by the client and by a room keep their order", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    quiet(room.join());
    line.join("a");
    line.end();
    for (let count = 0; count < 10; count += 2) {
      client.send({ type: "message", room: "a", data: count });
      quiet(room.send(count + 1));
    }
    await vi.advanceTimersByTimeAsync(1000);
    const next = gateway.line.welcome();
    next.join("a");
    const said = Array.from({ length: 10 }, () => next.take("message").data);
    expect(said).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("a room is joined again before what was asked after its join, and in its order", async () => {
    const { client, line } = await gateway.open();
    const before = client.ping();
    quiet(client.join("a"));
    quiet(client.room("a").send("hello"));
    const ping = line.take("ping");
    line.join("a");
    line.take("message");
    line.reply(ping, "pong", { time: 1 });
    await before;
    quiet(client.ping());
    const next = await gateway.reconnect();
    expect(next.unread).toEqual(["join", "message", "ping"]);
  });

  it("a room that is left sends no message when nothing is to be said in it", async () => {
    const { client, line } = await gateway.open();
    quiet(client.join("a"));
    line.join("a");
    line.end();
    client.room("a").leave();
    quiet(client.join("b"));
    client.room("b").leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.line.welcome().unread).toEqual([]);
  });

  it("what a listener asks while the connection opens does not overtake what waits", async () => {
    const client = gateway.connect();
    await turn();
    quiet(client.ping());
    const room = client.room("a");
    room.on("error", () => client.send({ type: "wave" } as never));
    const joined = room.join({ info: { picture: "x".repeat(70_000) } });
    quiet(joined);
    quiet(client.request({ type: "history", room: "b" }));
    expect(gateway.line.welcome().unread).toEqual(["ping", "history", "wave"]);
    expect(await ended(joined)).toMatchObject({ code: "too_large" });
  });

  it("what a listener asks while waiting messages go out is sent after them, and not on the next connection", async () => {
    const client = gateway.connect();
    await turn();
    client.on("error", () => quiet(client.ping()));
    client.send({ type: "message", room: "a", data: "x".repeat(70_000) });
    client.send({ type: "leave", room: "a" });
    expect(gateway.line.welcome().unread).toEqual(["leave", "ping"]);
  });
});
