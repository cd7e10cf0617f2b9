// Names of rooms and rules of access, as the console reads them.

import { describe, expect, it } from "vitest";
// @ts-expect-error the console is JavaScript
import { permitted } from "../../../server/tidegate/console/access.js";
// @ts-expect-error the console is JavaScript
import { exampleName, hasParameters } from "../../../server/tidegate/console/room_names.js";

describe("rooms and rules in the console", () => {
  it("begins with a room of a pattern", () => {
    expect(
      ["chat-*", "a-note-{id}", "of-{user}-in-*", "lobby"].map((pattern) => [
        exampleName(pattern),
        hasParameters(pattern),
      ]),
    ).toEqual([
      ["chat-lobby", false],
      ["a-note-1", true],
      ["of-1-in-lobby", true],
      ["lobby", false],
    ]);
  });

  it("asks for the role of a rule about rows, and for nothing that the gateway alone knows", () => {
    const exists = { resource: "notes", where: { id: "$room.id" } };
    const access = { join: { exists }, send: { role: "editor", exists } };
    const editor = { anonymous: false, roles: ["editor"] };
    const guest = { anonymous: true, roles: [] };
    expect([permitted(access, "join", guest).allowed, permitted(access, "send", editor).allowed]).toEqual([true, true]);
    expect(permitted(access, "send", guest)).toMatchObject({
      allowed: false,
      who: "Only users with the role `editor` may",
    });
  });
});
