// The console of a database that was there before.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../../support/gateway.js";
import { close, column, complaints, expectColumn, expectNoErrorLines, open, page, submit } from "./pages.js";

export function existingDatabase(): void {
  describe("a database that was there before", () => {
    const database = "sqlite:///chinook.db";
    const gateway = new Gateway(["--database", database]);

    beforeAll(async () => {
      gateway.python(
        "import pathlib; from tests.support import chinook; chinook.sqlite_file(pathlib.Path('chinook.db'))",
      );
      gateway.run(
        "introspect",
        "--database",
        database,
        "--access",
        ...["read", "create", "delete"].map((may) => `${may}=anyone`),
      );
      const genre = join(gateway.folder, "schema", "resources", "Genre.schema.json");
      writeFileSync(genre, JSON.stringify({ ...JSON.parse(readFileSync(genre, "utf8")), "x-access": {} }));
      const media = join(gateway.folder, "schema", "resources", "MediaType.schema.json");
      const rules = { read: ["role:admin", { where: { MediaTypeId: 1 } }] };
      writeFileSync(media, JSON.stringify({ ...JSON.parse(readFileSync(media, "utf8")), "x-access": rules }));
      gateway.run("migrate", "--database", database);
      await gateway.start();
    });
    afterAll(() => close(gateway));

    test("its tables are there to choose from, and boxes for rooms and messages are not", async () => {
      await open(page, gateway);
      expect(await page.locator("#resource option").count()).toBe(11);
      await expectColumn("Name", [
        "Name 1",
        "Name 2",
        "Name 3",
        "–",
        "Name 5",
        "Name 6",
        "Name 7",
        "–",
        "Name 9",
        "Name 10",
      ]);
      for (const id of ["#room", "#own", "#notice"]) expect(await page.locator(id).isVisible()).toBe(false);
      gateway.sql("update Artist set Name = 'Ada' where ArtistId = 4", "chinook.db");
      await expect.poll(async () => (await column("Name"))[3]).toBe("Ada");
      await page.getByRole("button", { name: "New row" }).click();
      await submit({ Name: "Grace" }, "Create");
      await expect.poll(async () => (await column("Name"))[10]).toBe("Grace");
      expect(await page.locator("#rows-notes").innerText()).toContain("No role may update Artist");
      await expectNoErrorLines();
    });

    test("a row with a key of two columns is deleted", async () => {
      await page.locator("#resource").selectOption("PlaylistTrack");
      await expect.poll(() => page.locator("#total").innerText()).toBe("30 rows, live");
      await page.getByRole("button", { name: "Delete 1 5" }).click();
      await submit({}, "Delete");
      await expect.poll(() => page.locator("#total").innerText()).toBe("29 rows, live");
    });

    test("a resource that no role may read says so, and the page asks for nothing", async () => {
      await page.locator("#resource").selectOption("Genre");
      expect(await page.locator("#rows-notes").innerText()).toBe(
        "No role may read Genre: x-access is empty; see docs/how-to/permissions.md.",
      );
      expect(await page.locator("#table-frame").isVisible()).toBe(false);
      await page.locator("#resource").selectOption("Track");
      await expect.poll(() => page.locator("#total").innerText()).toBe("60 rows, live");
      await expectNoErrorLines();
    });

    test("the rows of another user are held against those of the page", async () => {
      await page.locator("#resource").selectOption("MediaType");
      await expect.poll(() => page.locator("#total").innerText()).toBe("1 row, live");
      await page.getByText("Compare with another user").click();
      const compare = page.locator("#compare");
      await compare.getByLabel("token").fill("no-token");
      await compare.getByRole("button", { name: "Compare" }).click();
      await expect.poll(() => compare.locator(".problem:visible").count()).toBe(1);
      expect(complaints.splice(0).length).toBeGreaterThan(0); // the browser writes a 401 to its log
      const token = gateway.run("token", "--user", "7", "--name", "<i>Ada", "--role", "admin", "--dev").trim();
      await compare.getByLabel("token").fill(token);
      await compare.getByRole("button", { name: "Compare" }).click();
      await expect.poll(() => compare.locator("h3").allInnerTexts()).toHaveLength(1);
      expect(await compare.locator("h3").innerText()).toMatch(/^As <i>Ada · admin: \d+ rows$/);
      expect(await compare.locator("[role=status]").innerText()).toMatch(/On this page: \d+ more\./);
      expect(await compare.locator("tr.added").count()).toBeGreaterThan(1);
      expect(await page.content()).not.toContain(token);
      await expectNoErrorLines();
    });
  });
}
