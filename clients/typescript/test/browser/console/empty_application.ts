// The console of an application that has nothing yet.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../../support/gateway.js";
import { close, expectNoErrorLines, open, page } from "./pages.js";

export function emptyApplication(): void {
  describe("an application without rows, rooms and messages", () => {
    const gateway = new Gateway(["--schema", "schema"]);

    beforeAll(async () => {
      mkdirSync(join(gateway.folder, "schema"));
      gateway.run("migrate", "--schema", "schema");
      await gateway.start();
    });
    afterAll(() => close(gateway));

    test("it says what to do next, and shows no empty box", async () => {
      await open(page, gateway);
      expect(await page.locator("#notice").innerText()).toContain("tidegate init");
      const boxes = await page.locator("section:visible").evaluateAll((found) => found.map((box) => box.id));
      expect(boxes).toEqual(["state", "wire-panel"]);
      await page.getByRole("button", { name: "Send as it is" }).click();
      await expect.poll(() => page.locator("#wire").innerText()).toContain("pong");
      await expectNoErrorLines();
    });
  });
}
