// The console of an application that `tidegate init` wrote.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../../support/gateway.js";
import { close, column, complaints, expectColumn, expectNoErrorLines, open, other, page, submit } from "./pages.js";

const ROOM_OF_A_NOTE = {
  title: "NoteMessage",
  type: "object",
  "x-room": { pattern: "a-note-{id}" },
  "x-access": {
    join: { exists: { resource: "notes", where: { id: "$room.id" } } },
    send: { role: "editor", exists: { resource: "notes", where: { id: "$room.id" } } },
  },
  properties: { text: { type: "string" } },
  required: ["text"],
  additionalProperties: false,
};

export function newApplication(): void {
  describe("a new application", () => {
    const gateway = new Gateway([]);

    beforeAll(async () => {
      gateway.run("init");
      writeFileSync(join(gateway.folder, "schema", "rooms", "a_note.schema.json"), JSON.stringify(ROOM_OF_A_NOTE));
      gateway.run("generate");
      gateway.run("migrate", "--seed");
      await gateway.start();
    });
    afterAll(() => close(gateway));

    test("it shows its notes, its board and its message", async () => {
      await open(page, gateway);
      await open(other, gateway);
      await expectColumn("text", ["Read README.md", "Add a property to schema/resources/notes.schema.json"]);
      expect(await page.locator("#room-name").inputValue()).toBe("board-lobby");
      await page.getByRole("button", { name: "New row" }).click();
      await submit({ text: "Buy rope" }, "Create");
      await expect.poll(async () => (await column("text", other)).at(-1)).toBe("Buy rope");
      gateway.sql("insert into notes (text) values ('by another program')");
      await expect.poll(async () => (await column("text")).at(-1)).toBe("by another program");
      await page.locator(".say").getByLabel("text").fill("Ahoy");
      await page.locator(".say").getByRole("button", { name: "Send" }).click();
      await expect.poll(() => other.locator(".messages li").allInnerTexts()).toHaveLength(1);
      await page.locator("#own").getByLabel("name").fill("Ada");
      await page.locator("#own").getByRole("button", { name: "Send" }).click();
      await expect.poll(() => page.locator("#reply").innerText()).toContain("Hello Ada, to me you are Guest");
      await expectNoErrorLines();
    });

    test("a room is left and another one entered", async () => {
      await page.getByRole("button", { name: "Leave board-lobby" }).click();
      await expect.poll(() => page.locator("#no-room").isVisible()).toBe(true);
      await page.getByLabel("Name of the room").fill("garden");
      await page.getByRole("button", { name: "Join", exact: true }).click();
      expect(await page.locator("#room-problem").innerText()).toBe("No kind of room covers garden.");
      await page.getByLabel("Name of the room").fill("board-7");
      await page.getByRole("button", { name: "Join", exact: true }).click();
      await expect.poll(() => page.locator(".members li").count()).toBe(1);
      expect(await page.locator(".messages li").count()).toBe(0);
      await expectNoErrorLines();
    });

    test("a room that the gateway ends goes from the page, which says why", async () => {
      await page.locator("#pattern").selectOption("a-note-{id}");
      expect(await page.locator("#room-name").inputValue()).toBe("a-note-1");
      gateway.sql("insert into notes (id, text) values (99, 'short')");
      await page.getByLabel("Name of the room").fill("a-note-99");
      expect(await page.locator("#room-notes").innerText()).toContain("Only users with the role editor may send");
      await page.getByRole("button", { name: "Join", exact: true }).click();
      const room = page.locator('[data-room="a-note-99"]');
      await expect.poll(() => room.locator(".members li").count()).toBe(1);
      expect(await room.locator(".say").count()).toBe(0);
      gateway.sql("delete from notes where id = 99");
      await expect.poll(() => room.count()).toBe(0);
      expect(await page.locator("#room-problem").innerText()).toBe(
        "The gateway took you out of a-note-99: you may not be in it any more.",
      );
      await expectNoErrorLines();
    });

    test("it loads itself again when the gateway comes back with another contract", async () => {
      const file = join(gateway.folder, "schema", "resources", "notes.schema.json");
      const notes = JSON.parse(readFileSync(file, "utf8"));
      notes.properties.urgent = { type: "boolean", default: false };
      await gateway.stop();
      writeFileSync(file, JSON.stringify(notes));
      gateway.run("generate");
      gateway.run("migrate");
      await gateway.start();
      await expect.poll(() => column("urgent")).toEqual(["no", "no", "no", "no"]);
      await expect.poll(() => page.locator('[data-room="board-7"]').isVisible()).toBe(true);
      const refused = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection/;
      expect(complaints.splice(0).filter((text) => !refused.test(text))).toEqual([]);
    });
  });
}
