// @vitest-environment happy-dom
// Rooms of `tidegate/react`: every message once and in order, history, gaps, members, and what a component says of its user.

import { act } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Client, Member, Message, PresenceOptions, Room } from "../src/index.js";
import { TidegateProvider, useMyPresence, useOthers, useRoom } from "../src/react/index.js";
import { settle, show, stage } from "./support/page.js";
import { type Line, USER } from "./support/scripted.js";

const here = stage();
let client: Client;
let line: Line;
let room: ReturnType<typeof useRoom>;
let renders: number;

beforeEach(async () => {
  ({ client, line } = await here.gateway.open());
  renders = 0;
});

function Chat({ name, options }: { name: string | null; options?: object }) {
  room = useRoom(name, options);
  renders += 1;
  return null;
}

const within = (page: React.ReactNode) => <TidegateProvider client={client}>{page}</TidegateProvider>;
const chat = (name: string | null, options?: object) => within(<Chat name={name} {...(options && { options })} />);
const message = (offset: number, epoch = "r") => ({
  type: "message",
  room: "a",
  from: "8",
  sender: { id: "8", name: "Bob" },
  time: 1,
  data: offset,
  position: { epoch, offset },
});
const said = () => room.messages.map(({ data }) => data);
const ME = { ...USER, status: "online", connections: 1, since: 1 };
const BOB: Member = { id: "8", name: "Bob", status: "online", connections: 1, since: 1 } as Member;
const CEM = { ...BOB, id: "9", name: "Cem" };

/** Say messages, in one turn. */
const say = (from: number, to: number) =>
  act(async () => {
    for (let offset = from; offset <= to; offset += 1) line.say("message", message(offset));
  });

/** Let the component in, with the messages up to `offset` as the last page of the history. */
async function joined(offset = 0, fields: object = {}) {
  await act(async () => void line.join("a", { position: { epoch: "r", offset }, users: [ME, BOB], ...fields }));
  const request = line.take("history");
  const messages = [offset - 2, offset - 1, offset].filter((each) => each > 0).map((each) => message(each));
  await act(async () => line.reply(request, "messages", { room: "a", messages, more: offset > 3 }));
  return request;
}

describe("useRoom", () => {
  it("joins, and has the last page of history, the members and this user", async () => {
    await show(chat("a", { history: 3, status: "away" }));
    expect(room).toMatchObject({ status: "joining", messages: [], members: [], me: undefined });
    const request = await joined(5);
    expect(request).toMatchObject({ room: "a", limit: 3 });
    expect(room).toMatchObject({ status: "joined", more: true, me: { id: "7" }, gap: false, error: undefined });
    expect([said(), room.members.map(({ name }) => name)]).toEqual([
      [3, 4, 5],
      ["Ann", "Bob"],
    ]);
  });

  it("adds what comes while the history is under way, once", async () => {
    await show(chat("a"));
    await act(async () => void line.join("a", { position: { epoch: "r", offset: 2 } }));
    const request = line.take("history");
    await say(3, 4);
    const messages = [1, 2, 3].map((offset) => message(offset));
    await act(async () => line.reply(request, "messages", { room: "a", messages, more: false }));
    expect(said()).toEqual([1, 2, 3, 4]);
  });

  it("loads older pages", async () => {
    await show(chat("a"));
    await joined(5);
    const more = room.loadMore();
    const request = line.take("history");
    expect(request.before).toBe(3);
    await act(async () =>
      line.reply(request, "messages", { room: "a", messages: [message(1), message(2)], more: false }),
    );
    await act(() => more);
    expect([said(), room.more]).toEqual([[1, 2, 3, 4, 5], false]);
  });

  it("loses none of 1,500 messages of one turn, in one render, and tells each to `onMessage`", async () => {
    const heard: unknown[] = [];
    await show(chat("a", { onMessage: ({ data }: Message<unknown>) => heard.push(data) }));
    await joined();
    renders = 0;
    await say(1, 900);
    expect([renders / 2, said().length]).toEqual([1, 900]);
    await say(901, 2400);
    expect([heard.length, new Set(heard).size, said().at(-1)]).toEqual([2400, 2400, 2400]);
    expect([said().length, room.more]).toEqual([1500, true]);
  });

  it("calls the listener of the last render, and neither joins nor subscribes again for a new one", async () => {
    const heard: string[] = [];
    const page = await show(chat("a", { onMessage: () => heard.push("first") }));
    await joined();
    await page.again(chat("a", { onMessage: () => heard.push("second") }));
    await say(1, 1);
    expect([heard, line.unread]).toEqual([["second"], []]);
  });

  it("says that messages are lost, and loads the history again", async () => {
    await show(chat("a"));
    await joined(2);
    await act(async () => line.end());
    expect(room).toMatchObject({ status: "behind", gap: false });
    await act(() => vi.advanceTimersByTimeAsync(1000));
    line = here.gateway.line.welcome();
    await act(async () => void line.join("a", { position: { epoch: "r", offset: 90 }, recovered: false }));
    await say(91, 91);
    expect(room).toMatchObject({ status: "joined", gap: true });
    expect(said()).toEqual([1, 2, 91]);
    const again = room.reload();
    const messages = [89, 90, 91].map((offset) => message(offset));
    await act(async () => line.reply(line.take("history"), "messages", { room: "a", messages, more: true }));
    await act(() => again);
    expect([said(), room.gap, room.more]).toEqual([[89, 90, 91], false, true]);
  });

  it("leaves a room that another name or null takes the place of, with its messages", async () => {
    const page = await show(chat("a"));
    await joined(2);
    await page.again(chat("b"));
    expect(room.messages).toEqual([]);
    expect(line.unread).toEqual(["join", "leave"]);
    await page.again(chat(null));
    expect(room).toMatchObject({ status: "left", messages: [] });
    await expect(room.send("hello")).rejects.toMatchObject({ name: "ClientClosed" });
  });

  it("gives the error of a message to the call that sent it", async () => {
    await show(chat("a"));
    await joined();
    const sent = room.send("x".repeat(3)).catch(({ code }) => code);
    await act(async () => line.refuse(line.take("message"), "invalid_data"));
    expect([await sent, room.error, room.status]).toEqual(["invalid_data", undefined, "joined"]);
    const { send } = room;
    const good = send("hello");
    await act(async () => line.reply(line.take("message"), "sent", { position: { epoch: "r", offset: 1 } }));
    expect([await good, room.send]).toEqual([{ epoch: "r", offset: 1 }, send]);
  });

  it("tells a refusal, asks again after a temporary one, and when a component wants the room again", async () => {
    const page = await show(chat("a"));
    await act(async () => line.refuse(line.take("join"), "unavailable", { temporary: true }));
    expect(room).toMatchObject({ status: "error", error: { code: "unavailable" } });
    await act(() => vi.advanceTimersByTimeAsync(2000));
    await act(async () => line.refuse(line.take("join"), "limit_reached"));
    expect(room).toMatchObject({ status: "error", error: { code: "limit_reached" } });
    await act(() => vi.advanceTimersByTimeAsync(20_000));
    expect(line.unread.filter((type) => type === "join")).toEqual([]);
    while (line.unread.length > 0) line.take(line.unread[0] as string);
    await page.again(chat(null));
    await page.again(chat("a"));
    await joined();
    expect(room).toMatchObject({ status: "joined", error: undefined });
  });

  it("leaves a room with the last component, and not one that the program joined", async () => {
    const page = await show(within([<Chat key="1" name="a" />, <Chat key="2" name="a" />]));
    await act(async () => void line.join("a"));
    while (line.unread.length > 0) line.take("history");
    await page.again(within([<Chat key="1" name="a" />]));
    expect(line.unread).toEqual([]);
    await page.again(within(null));
    expect(line.unread).toEqual(["leave"]);
    line.take("leave");
    const own: Room = client.room("b");
    own.join();
    line.take("join");
    await page.again(within([<Chat key="1" name="b" />]));
    await page.again(within(null));
    expect(line.unread).toEqual([]);
  });
});

describe("useOthers and useMyPresence", () => {
  let mine: readonly [PresenceOptions, (part: PresenceOptions) => Promise<unknown>];
  const renders = { others: 0, names: 0 };
  let others: readonly Member[];
  let names: string[];

  function Others() {
    others = useOthers("a");
    renders.others += 1;
    return null;
  }
  function Names() {
    names = useOthers("a", (members) => members.map(({ name }) => name));
    renders.names += 1;
    return null;
  }
  function Mine() {
    mine = useMyPresence("a");
    return null;
  }

  async function enter() {
    const page = await show(within([<Others key="1" />, <Names key="2" />, <Mine key="3" />]));
    await act(async () => void line.join("a", { users: [ME, BOB] }));
    return page;
  }
  const diff = (fields: object) =>
    act(async () => line.say("presence_diff", { room: "a", joined: [], left: [], changed: [], ...fields }));

  it("has the members without this user, and renders when what is selected changes", async () => {
    await enter();
    expect([others, names]).toEqual([[BOB], ["Bob"]]);
    const before = { ...renders };
    await diff({ changed: [{ ...BOB, info: { x: 1 } }] });
    expect([renders.others - before.others, renders.names - before.names]).toEqual([2, 0]);
    await diff({ changed: [{ ...ME, info: { x: 1 } }] });
    expect([renders.others - before.others, renders.names - before.names]).toEqual([2, 0]);
    await diff({ joined: [CEM] });
    expect([names, renders.names - before.names]).toEqual([["Bob", "Cem"], 2]);
    await act(async () => line.say("message", message(1)));
    expect([renders.others - before.others, renders.names - before.names]).toEqual([4, 2]);
  });

  it("asks for the room once, and for no history", async () => {
    const page = await enter();
    expect(line.unread).toEqual([]);
    page.unmount();
    await settle();
    expect(line.unread).toEqual(["leave"]);
  });

  it("shows what this user says at once, and takes back what is refused", async () => {
    await enter();
    expect(mine[0]).toMatchObject({ status: "online" });
    let reply: Promise<unknown> = Promise.resolve();
    act(() => {
      reply = mine[1]({ info: { typing: true } });
    });
    expect(mine[0]).toEqual({ status: "online", info: { typing: true } });
    const users = [{ ...ME, info: { typing: true } }, BOB];
    await act(async () => line.reply(line.take("presence"), "presence", { room: "a", users }));
    await reply;
    expect(mine[0]).toEqual({ status: "online", info: { typing: true } });
    let code = "";
    act(() => {
      mine[1]({ status: "away" }).catch((error) => {
        code = error.code;
      });
    });
    expect(mine[0].status).toBe("away");
    await act(async () => line.refuse(line.take("presence"), "rate_limited"));
    expect([mine[0].status, code]).toEqual(["online", "rate_limited"]);
  });
});
