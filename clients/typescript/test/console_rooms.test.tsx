// @vitest-environment happy-dom
// The panel of rooms of the console: which room it enters by itself, and what it shows when the gateway ends a membership.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
// @ts-expect-error the console is JavaScript
import { RoomPanel } from "../../../server/tidegate/console/rooms.js";

type Message = Record<string, unknown>;

const PAGE = readFileSync(join(import.meta.dirname, "../../../server/tidegate/console/index.html"), "utf8");
const [SECTION] = /<section id="room".*?<\/section>/s.exec(PAGE) as RegExpExecArray;
const USER = { id: "7", anonymous: false, roles: [] };
const text = (id: string) => document.getElementById(id)?.textContent?.trim();

/** In the place of the connection: it says yes to everything. */
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
    return {};
  }
}

function panel(...patterns: string[]): Connection {
  const kind = { description: "", access: null, presence: true, history: 0, payload: { type: "string" } };
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

  it("shows a room further where the gateway says without a reason, or of another room, that it was left", () => {
    const connection = panel("chat-*");
    connection.say({ type: "left", room: "chat-lobby" });
    connection.say({ type: "left", room: "chat-other", reason: "closed" });
    expect([joined(), text("room-problem")]).toEqual([["chat-lobby"], ""]);
  });
});
