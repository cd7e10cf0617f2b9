// The console of an application that `tidegate init` wrote.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../../support/gateway.js";
import { close, column, complaints, expectColumn, expectNoErrorLines, open, other, page, submit } from "./pages.js";

export function newApplication(): void {
  describe("a new application", () => {
    const gateway = new Gateway([]);

    beforeAll(async () => {
      gateway.run("init");
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
