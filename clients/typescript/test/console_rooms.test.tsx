// @vitest-environment happy-dom
// The panel of rooms of the console: which room it enters by itself, and what it shows when the gateway ends a membership.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
// @ts-expect-error the console is JavaScript
import { RoomPanel } from "../../../server/tidegate/console/rooms.js";

type Message = Record<string, unknown>;

const PAGE = readFileSync(join(import.meta.dirname, "../../../server/tidegate/console/index.html"), "utf8");
const [SECTION] = /<section id="room".*?<\/section>/s.exec(PAGE) as RegExpExecArray;
const USER = { id: "7", anonymous: false, roles: [] };
const OLD = Array.from({ length: 700 }, (_, offset) => {
  return { data: `${offset}`, sender: USER, time: 0, position: { epoch: "e", offset } };
});
const text = (id: string) => document.getElementById(id)?.textContent?.trim();

/** In the place of the connection: it says yes to everything, and its rooms have the history `OLD`. */
class Connection {
  readonly asked: Message[] = [];
  readonly #listeners = new Map<string, (message: Message) => void>();

  on(type: string, act: (message: Message) => void): void {
    this.#listeners.set(type, act);
  }

  say(message: { type: string; room: string } & Message): void {
    this.#listeners.get(message.type)?.(message);
  }

  async request(message: Message): Promise<Message> {
    this.asked.push(message);
    if (message.type !== "history") return {};
    const { before = OLD.length, limit } = message as { before?: number; limit: number };
    const begin = Math.max(0, before - limit);
    return { messages: OLD.slice(begin, before), more: begin > 0 };
  }
}

function panel(...patterns: string[]): Connection {
  return panelWith(0, ...patterns);
}

function panelWith(history: number, ...patterns: string[]): Connection {
  const kind = { description: "", access: null, presence: true, history, payload: { type: "string" } };
  const rooms = Object.fromEntries(patterns.map((pattern) => [pattern, kind]));
  const connection = new Connection();
  new RoomPanel({ rooms, $defs: {}, development: null }, connection).start(USER);
  return connection;
}

const joined = () => [...document.querySelectorAll("[data-room]")].map((room) => room.getAttribute("data-room"));

beforeEach(() => {
  document.body.innerHTML = SECTION;
  location.hash = "";
});

describe("the panel of rooms", () => {
  it("enters a room whose name has no parameters, and shows the kinds of both", () => {
    const connection = panel("a-note-{id}", "chat-*");
    expect(connection.asked).toEqual([{ type: "join", room: "chat-lobby" }]);
    expect([joined(), text("pattern")]).toEqual([["chat-lobby"], "a-note-{id}chat-*"]);
  });

  it("enters none by itself where each name has parameters: there may be no such row", () => {
    const connection = panel("a-note-{id}");
    expect([connection.asked, joined()]).toEqual([[], []]);
    expect((document.getElementById("room-name") as HTMLInputElement).value).toBe("a-note-1");
  });

  it.each([
    ["forbidden", "you may not be in it any more"],
    ["removed", "you may not be in it any more"],
    ["closed", "it was closed"],
    ["unavailable", "the gateway cannot ask its database who may be in it. Join again in a moment"],
    ["a reason of a newer gateway", "a reason of a newer gateway"],
  ])("says why the gateway ended a membership: %s", (reason, said) => {
    panel("chat-*").say({ type: "left", room: "chat-lobby", reason });
    expect([joined(), text("room-problem")]).toEqual([[], `The gateway took you out of chat-lobby: ${said}.`]);
    expect(location.hash).toBe("");
  });

  it("shows what comes after the gateway lost the messages of a room, whose offsets begin again", () => {
    const connection = panel("chat-*");
    const say = (said: string, offset: number) => {
      const message = { data: said, sender: USER, time: 0, position: { epoch: "e", offset } };
      connection.say({ type: "message", room: "chat-lobby", ...message });
    };
    const said = () => [...document.querySelectorAll(".messages li > span")].map((line) => line.textContent);
    say("before", 1);
    connection.say({ type: "joined", room: "chat-lobby", ref: "page-1" });
    expect(said()).toEqual(["before"]);
    connection.say({ type: "joined", room: "chat-lobby", recovered: false, replayed: 0 });
    say("after", 1);
    expect(said()).toEqual(["after"]);
  });

  it("shows older messages beyond those that it keeps while others come", async () => {
    const connection = panelWith(700, "chat-*");
    const shown = () => [...document.querySelectorAll(".messages li > span")].map((line) => Number(line.textContent));
    const button = document.querySelector(".older") as HTMLButtonElement;
    const say = (offset: number) => {
      connection.say({
        type: "message",
        room: "chat-lobby",
        ...OLD[0],
        data: `${offset}`,
        position: { epoch: "e", offset },
      });
    };
    await vi.waitFor(() => expect(shown()).toHaveLength(50));
    for (let offset = 700; offset < 1200; offset++) say(offset);
    expect([shown().length, shown()[0], button.hidden]).toEqual([500, 700, false]);
    for (const first of [650, 600]) {
      button.click();
      await vi.waitFor(() => expect(shown()[0]).toBe(first));
    }
    say(1200);
    expect([shown().length, shown()[0], shown().at(-1)]).toEqual([600, 601, 1200]);
    for (let clicks = 0; !button.hidden && clicks < 20; clicks++) {
      const first = shown()[0] as number;
      button.click();
      await vi.waitFor(() => expect(shown()[0]).toBeLessThan(first));
    }
    expect(shown()).toEqual(Array.from({ length: 1201 }, (_, offset) => offset));
  });

  it("shows a room further where the gateway says without a reason, or of another room, that it was left", () => {
    const connection = panel("chat-*");
    connection.say({ type: "left", room: "chat-lobby" });
    connection.say({ type: "left", room: "chat-other", reason: "closed" });
    expect([joined(), text("room-problem")]).toEqual([["chat-lobby"], ""]);
  });
});
