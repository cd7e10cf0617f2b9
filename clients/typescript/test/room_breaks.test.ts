// Rooms over broken connections: what is joined again, replayed and lost.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { joinedIn, message } from "./support/room.js";
import { ended, type Line, Scripted, turn } from "./support/scripted.js";

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

const joined = (fields?: object) => joinedIn(gateway, fields);

describe("over a broken connection", () => {
  const since = (line: Line, fields: object) => line.join("a", fields).since;

  it("the client joins again from its last message, and gets each missed message once", async () => {
    const { line, heard } = await joined({ position: { epoch: "r", offset: 7 } });
    line.say("message", message("eight", 8));
    const next = await gateway.reconnect();
    const missed = { position: { epoch: "r", offset: 10 }, recovered: true, replayed: 2 };
    expect(since(next, missed)).toEqual({ epoch: "r", offset: 8 });
    next.say("message", message("eight", 8));
    next.say("message", message("nine", 9));
    const third = await gateway.reconnect();
    expect(since(third, { ...missed, replayed: 1 }), "cut off between the replayed messages").toEqual({
      epoch: "r",
      offset: 9,
    });
    third.say("message", message("nine", 9));
    third.say("message", message("ten", 10));
    third.say("message", message("ten", 10));
    third.say("message", message("eleven", 11));
    expect(heard).toEqual(["eight", "nine", "ten", "eleven"]);
  });

  it("lost messages are a `gap`", async () => {
    const { line, heard } = await joined();
    line.say("message", message("one", 1));
    const next = await gateway.reconnect();
    since(next, { position: { epoch: "r2", offset: 3 } });
    next.say("message", message("four", 4, "r2"));
    expect(heard).toEqual(["one", "gap", "four"]);
    const third = await gateway.reconnect();
    expect(since(third, { recovered: true })).toEqual({ epoch: "r2", offset: 4 });
  });

  it("no `gap` where no message was missed, even in a room without history", async () => {
    const { line, heard } = await joined();
    line.say("message", message("one", 1));
    const next = await gateway.reconnect();
    since(next, { position: { epoch: "r", offset: 1 }, recovered: false });
    expect(heard).toEqual(["one"]);
  });

  it("a join under way is sent again, and its promise stays pending until then", async () => {
    const { client, line } = await gateway.open();
    const joining = client.room("a").join();
    line.take("join");
    const next = await gateway.reconnect();
    next.join("a");
    expect(await ended(joining)).toBeUndefined();
  });

  it("a member tries again after a temporary refusal, and is out after a final one", async () => {
    const { heard } = await joined();
    const next = await gateway.reconnect();
    next.refuse(next.take("join"), "unavailable", { temporary: true, retry_after: 2 });
    await vi.advanceTimersByTimeAsync(2999);
    expect(next.unread).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    next.refuse(next.take("join"), "forbidden");
    await vi.advanceTimersByTimeAsync(60_000);
    expect([heard, next.unread]).toEqual([["refused: forbidden"], []]);
    const third = await gateway.reconnect();
    expect(third.unread).toEqual([]);
  });

  it("a room that was left meanwhile is not joined", async () => {
    const { line, room } = await joined();
    line.end();
    room.leave();
    await vi.advanceTimersByTimeAsync(1000);
    gateway.line.welcome();
    await turn();
    expect(gateway.line.unread).toEqual([]);
  });
});
