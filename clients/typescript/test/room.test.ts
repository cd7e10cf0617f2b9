// Rooms: joining and staying, messages and members. Broken connections are in room_breaks.test.ts.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionClosed } from "../src/index.js";
import { ids, joinedIn, listen, member, message } from "./support/room.js";
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

const joined = (fields?: object) => joinedIn(gateway, fields);

describe("a room", () => {
  it("is joined once, with the client's status and info, and left", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    const joining = room.join({ status: "away", info: { colour: "teal" } });
    const also = room.join();
    expect(client.room("a")).toBe(room);
    const request = line.join("a");
    expect(request).toMatchObject({ presence: "diff", status: "away", info: { colour: "teal" } });
    expect(request).not.toHaveProperty("since");
    await Promise.all([joining, also]);
    expect(line.unread).toEqual([]);
    room.leave();
    expect(line.take("leave").room).toBe("a");
    room.leave();
    expect(line.unread).toEqual([]);
  });

  it("rejects a refused join, and can be asked again", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    const heard = listen(room);
    const joining = room.join();
    line.refuse(line.take("join"), "unavailable", { temporary: true });
    expect(await ended<unknown>(joining)).toMatchObject({ code: "unavailable", retryable: true });
    expect(heard).toEqual(["refused: unavailable"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(line.unread, "the caller of join decides whether to try again").toEqual([]);
    const again = room.join();
    line.join("a");
    expect(await ended(again)).toBeUndefined();
  });

  it("carries messages both ways", async () => {
    const { line, room, heard } = await joined();
    const saying = room.send({ text: "Hello" });
    const request = line.take("message");
    expect(request).toMatchObject({ room: "a", data: { text: "Hello" }, key: expect.any(String) });
    line.say("message", message("Hello", 1));
    line.reply(request, "sent", { room: "a", position: { epoch: "r", offset: 1 } });
    expect(await saying).toEqual({ epoch: "r", offset: 1 });
    line.say("message", { ...message("elsewhere", 1), room: "b" });
    expect(heard).toEqual(["Hello"]);
  });

  it("is joined with its options, from an earlier position", async () => {
    const { client, line } = await gateway.open();
    const joining = client.join("a", { presence: "none", since: { epoch: "r", offset: 3 } });
    const request = line.join("a", { recovered: true, replayed: 1, position: { epoch: "r", offset: 4 } });
    expect(request).toMatchObject({ presence: "none", since: { epoch: "r", offset: 3 } });
    const room = await joining;
    const marks: unknown[] = [];
    room.on("message", ({ data, replayed, gap }) => marks.push([data, replayed, gap]));
    line.say("message", message("four", 4));
    line.say("message", message("five", 5));
    expect(marks).toEqual([
      [{ text: "four" }, true, false],
      [{ text: "five" }, false, false],
    ]);
    expect([room.recovered, room.position]).toEqual([true, { epoch: "r", offset: 5 }]);
  });

  it("pages through its history", async () => {
    const { line, room } = await joined();
    const asked = room.history({ before: 40, limit: 2 });
    const request = line.take("history");
    expect(request).toMatchObject({ room: "a", before: 40, limit: 2 });
    line.reply(request, "messages", { room: "a", messages: [message("x", 38), message("y", 39)], more: true });
    const page = await asked;
    expect([page.messages.map(({ data }) => data), page.more]).toEqual([[{ text: "x" }, { text: "y" }], true]);
  });

  it("is forgotten when it is left: late messages are ignored, and a new join starts again", async () => {
    const { line, room, heard } = await joined({ users: [member("1")] });
    line.say("message", message("before", 3));
    room.leave();
    line.take("leave");
    line.say("message", message("late", 4));
    line.say("presence_diff", { room: "a", joined: [member("2")], left: [], changed: [] });
    line.say("presence", { room: "a", users: [member("2")] });
    expect([heard, ids(room)]).toEqual([["before"], []]);
    const again = room.join();
    expect(line.join("a")).not.toHaveProperty("since");
    await again;
    line.say("message", message("after", 5));
    expect(heard).toEqual(["before", "after"]);
  });

  it("may be left and joined again before the first answer", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    const first = room.join();
    room.leave();
    const second = room.join();
    expect(await ended<unknown>(first)).toBeInstanceOf(ConnectionClosed);
    line.join("a", { users: [member("1")] });
    expect(ids(room), "the answer to the first").toEqual([]);
    line.take("leave");
    line.join("a", { users: [member("1"), member("2")] });
    expect(await ended(second)).toBeUndefined();
    expect(ids(room)).toEqual(["1", "2"]);
  });

  it("ends where the gateway ends the membership", async () => {
    const { line, room, heard } = await joined({ users: [member("1")] });
    line.say("left", { room: "a" });
    expect([heard, ids(room)]).toEqual([["the gateway ended the membership in room 'a'"], []]);
    const next = await gateway.reconnect();
    expect(next.unread).toEqual([]);
  });
});

describe("what the gateway says of a room by itself", () => {
  it("a `gap` where it dropped messages, and goes on after it", async () => {
    const { line, room, heard } = await joined();
    const gaps: unknown[] = [];
    const marks: unknown[] = [];
    room.on("gap", (gap) => gaps.push(gap));
    room.on("message", ({ gap }) => marks.push(gap));
    line.say("message", message("one", 1));
    line.say("gap", { room: "a", dropped: 7, position: { epoch: "r", offset: 8 } });
    line.say("gap", { room: "b", dropped: 7, position: { epoch: "r", offset: 80 } });
    line.say("message", message("nine", 9));
    line.say("message", message("ten", 10));
    expect(heard).toEqual(["one", "gap", "nine", "ten"]);
    expect(gaps).toEqual([{ dropped: 7, position: { epoch: "r", offset: 8 } }]);
    expect(marks).toEqual([false, true, false]);
  });

  it("another position, where its messages are lost", async () => {
    const { line, room, heard } = await joined({ position: { epoch: "r", offset: 5 } });
    line.say("joined", { room: "a", position: { epoch: "r2", offset: 0 }, recovered: false, replayed: 0 });
    expect([heard, room.position]).toEqual([["gap"], { epoch: "r2", offset: 0 }]);
    line.say("message", message("one", 1, "r2"));
    expect(heard).toEqual(["gap", "one"]);
  });

  it("the reason why it ended the membership", async () => {
    const { line, room, heard } = await joined();
    line.say("left", { room: "a", reason: "closed" });
    expect([heard, room.status]).toEqual([["the gateway ended the membership in room 'a': closed"], "error"]);
    const again = room.join();
    line.join("a");
    expect(await ended(again)).toBeUndefined();
    expect(room.status).toBe("joined");
  });
});

describe("the status of a room", () => {
  it("says where the membership is", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    const seen: string[] = [room.status];
    room.on("status", (status) => seen.push(status));
    room.join();
    line.join("a");
    const next = await gateway.reconnect();
    next.refuse(next.take("join"), "unavailable", { temporary: true, retry_after: 1 });
    await vi.advanceTimersByTimeAsync(1500);
    next.join("a");
    room.leave();
    room.join();
    next.take("leave");
    next.refuse(next.take("join"), "forbidden");
    room.join();
    client.close();
    const once = ["joining", "joined", "behind", "joined", "left"];
    expect(seen).toEqual(["left", ...once, "joining", "error", "joining", "left"]);
  });
});

describe("a room that is not joined", () => {
  const collect = (): void => {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
  };

  it("is the same object while the program holds it, and its listeners hear the next membership", async () => {
    const { client, line, room, heard } = await joined();
    room.leave();
    line.take("leave");
    vi.useRealTimers();
    await new Promise((resolve) => setTimeout(resolve));
    collect();
    for (let other = 0; other < 300; other++) client.room(`other-${other}`);
    expect(client.room("a")).toBe(room);
    const again = client.join("a");
    line.join("a");
    expect(await again).toBe(room);
    line.say("message", message("later", 1));
    expect(heard).toEqual(["later"]);
  });

  it("is forgotten after it was left", async () => {
    const { client, line } = await gateway.open();
    const rooms: WeakRef<object>[] = [];
    const visit = async (name: string) => {
      const room = client.room(name);
      room.on("message", () => room.leave());
      const joining = room.join();
      line.join(name, { users: [member("1")] });
      await joining;
      room.leave();
      line.take("leave");
      rooms.push(new WeakRef(room));
    };
    for (let number = 0; number < 500; number++) await visit(`a-${number}`);
    const next = await gateway.reconnect();
    expect(next.unread).toEqual([]);
    vi.useRealTimers();
    await new Promise((resolve) => setTimeout(resolve));
    collect();
    expect(rooms.filter((room) => room.deref()).length).toBeLessThan(10);
  });
});

describe("presence", () => {
  it("begins with the members of the join and follows each difference", async () => {
    const { line, room } = await joined({ users: [member("1"), member("2")] });
    const told: string[][] = [];
    room.on("presence", (members) => told.push(members.map(({ id, status }) => `${id} ${status}`)));
    line.say("presence_diff", { room: "a", joined: [member("3")], left: [member("1")], changed: [] });
    line.say("presence_diff", { room: "a", joined: [], left: [], changed: [member("2", { status: "away" })] });
    expect(room.members, "the same list until something changes").toBe(room.members);
    expect(told).toEqual([
      ["2 online", "3 online"],
      ["2 away", "3 online"],
    ]);
  });

  it("is replaced by a whole list", async () => {
    const { line, room } = await joined({ users: [member("1"), member("2")] });
    line.say("presence", { room: "a", users: [member("2"), member("4")] });
    expect(ids(room)).toEqual(["2", "4"]);
  });

  it("of very many members comes in parts", async () => {
    const { line, room } = await joined({ users: [member("1")], more: true });
    line.say("presence_diff", { room: "a", joined: [member("2")], left: [], changed: [] });
    line.say("presence", { room: "a", users: [member("1")], more: true });
    line.say("presence_diff", { room: "a", joined: [member("2"), member("3")], left: [], changed: [] });
    expect(ids(room)).toEqual(["1", "2", "3"]);
  });

  it("carries the client's status and info, and the next join repeats them", async () => {
    const { line, room } = await joined();
    const saying = room.update({ status: "away", info: { typing: true } });
    const request = line.take("presence");
    expect(request).toMatchObject({ room: "a", status: "away", info: { typing: true } });
    line.reply(request, "presence", { room: "a", users: [member("7", { status: "away" })] });
    expect((await saying).map(({ id }) => id)).toEqual(["7"]);
    const next = await gateway.reconnect();
    expect(next.join("a")).toMatchObject({ status: "away", info: { typing: true } });
  });
});

describe("joining a room again", () => {
  it("says a new status or info at once, and the next connection repeats it", async () => {
    const { client, line, room } = await joined();
    const again = room.join({ status: "away", info: { page: 2 } });
    await turn();
    const request = line.take("presence");
    expect(request).toMatchObject({ room: "a", status: "away", info: { page: 2 } });
    line.reply(request, "presence", { room: "a", users: [member("7", { status: "away" })] });
    expect(await ended(again)).toBeUndefined();
    expect(room.me).toMatchObject({ id: "7", status: "away" });
    await client.join("a", { status: "away" });
    expect(line.unread, "what it said already").toEqual([]);
    expect((await gateway.reconnect()).join("a")).toMatchObject({ status: "away", info: { page: 2 } });
  });

  it("before the first answer says it after that", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    room.join({ status: "away" });
    const again = room.join({ status: "online" });
    expect(line.join("a").status).toBe("away");
    await turn();
    const request = line.take("presence");
    expect(request.status).toBe("online");
    line.reply(request, "presence", { room: "a", users: [] });
    expect(await ended(again)).toBeUndefined();
  });

  it("keeps nothing that the gateway refused", async () => {
    const { line, room } = await joined({ users: [member("7")] });
    const again = room.join({ info: { too: "much" } });
    await turn();
    line.refuse(line.take("presence"), "invalid_message");
    expect(await ended<unknown>(again)).toMatchObject({ code: "invalid_message" });
    expect([room.status, ids(room)]).toEqual(["joined", ["7"]]);
    expect((await gateway.reconnect()).join("a")).not.toHaveProperty("info");
  });

  it("without members shows none after a change of its status", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    room.join({ presence: "none" });
    line.join("a");
    const asked = room.update({ status: "away" });
    line.reply(line.take("presence"), "presence", { room: "a", users: [member("7"), member("8")] });
    expect((await asked).map(({ id }) => id)).toEqual(["7", "8"]);
    line.say("presence_diff", { room: "a", joined: [member("9")], left: [], changed: [] });
    expect([ids(room), room.me], "they would never change").toEqual([[], undefined]);
  });
});
