// Takes the pictures of the console that the documents show: the sample, a new application, a database that was there
// before; light, dark and on a phone. `make screenshots` runs it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway, ROOT } from "../support/gateway.js";
import { launch } from "./chromium.js";
import { smallPng } from "./small_png.js";

const IMAGES = join(ROOT, "docs", "images");
const LARGEST = 80_000;
const WIDE = { viewport: { width: 1100, height: 700 } };
const PHONE = { viewport: { width: 375, height: 760 } };
let browser: Browser;

beforeAll(async () => {
  mkdirSync(IMAGES, { recursive: true });
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

async function open(gateway: Gateway, look: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage({ ...look, reducedMotion: "reduce" });
  await page.goto(gateway.http);
  await expect.poll(() => page.locator("#status").innerText()).toBe("connected");
  await expect.poll(() => page.locator("#total").innerText()).toContain("live");
  return page;
}

/** Save what the window shows, or `part` of it. The largest picture is small enough for a README. */
async function picture(page: Page, name: string, part: Page | Locator = page): Promise<void> {
  await page.evaluate(() => window.scrollTo(0, 0));
  const png = smallPng(await part.screenshot({ animations: "disabled" }));
  expect(png.length, name).toBeLessThan(LARGEST);
  writeFileSync(join(IMAGES, `${name}.png`), png);
}

/** An application in three looks. `prepare` brings a page to what the picture shows. */
async function pictures(
  gateway: Gateway,
  names: { light: string; dark: string; phone: string },
  prepare: (page: Page) => Promise<void>,
): Promise<void> {
  const looks: [string, BrowserContextOptions][] = [
    [names.light, { ...WIDE, colorScheme: "light" }],
    [names.dark, { ...WIDE, colorScheme: "dark" }],
    [names.phone, { ...PHONE, colorScheme: "light" }],
  ];
  for (const [name, look] of looks) {
    const page = await open(gateway, look);
    await prepare(page);
    await picture(page, name);
    await page.goto("about:blank"); // this Chromium ends with a page that is closed
  }
}

function named(name: string): { light: string; dark: string; phone: string } {
  return { light: name, dark: `${name}-dark`, phone: `${name}-phone` };
}

async function say(page: Page, room: string, text: string): Promise<void> {
  await page.locator(`[data-room="${room}"] .say`).getByRole("textbox").fill(text);
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(`[data-room="${room}"] .messages li`).last().innerText()).toContain(text);
}

test("the sample", async () => {
  const gateway = new Gateway();
  try {
    gateway.migrate(true);
    await gateway.start();
    const page = await open(gateway, { ...WIDE, colorScheme: "light" });
    const other = await open(gateway, { ...WIDE, colorScheme: "dark" });
    await page.getByLabel("Name of the room").fill("chat-harbour");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await say(page, "chat-lobby", "Fog at noon, the ferry waits.");
    await say(other, "chat-lobby", "Thanks. I tell the crew.");
    await say(page, "chat-harbour", "Two boats for pier 3.");
    await page.locator("#resource").selectOption("tasks");
    await expect.poll(() => page.locator("#total").innerText()).toBe("10 rows, live");
    await picture(page, "console-light");
    await page.getByRole("button", { name: "Edit 3", exact: true }).click();
    await page.getByText("Filter and sort").click();
    await page.getByRole("button", { name: "Add condition" }).click();
    await page.getByRole("button", { name: "Add property" }).click();
    await picture(page, "console-edit", page.locator("#rows"));
    await picture(other, "console-dark");
    const phone = await open(gateway, { ...PHONE, colorScheme: "light" });
    await picture(phone, "console-phone");
    await page.locator("#state summary").click();
    await expect.poll(() => page.locator("#state-connections tbody tr").count()).toBe(3);
    await picture(page, "console-connections", page.locator("#state"));
    for (const each of [page, other, phone]) await each.goto("about:blank");
  } finally {
    await gateway.remove();
  }
});

test("a new application", async () => {
  const gateway = new Gateway([]);
  try {
    gateway.run("init");
    gateway.run("generate");
    gateway.run("migrate", "--seed");
    await gateway.start();
    await pictures(gateway, named("console-new-application"), async (page) => {
      await page.locator("#own").getByRole("textbox").first().fill("Ada");
      await page.locator("#own").getByRole("button", { name: "Send" }).click();
      await expect.poll(() => page.locator("#reply").isVisible()).toBe(true);
    });
  } finally {
    await gateway.remove();
  }
});

test("a database that was there before", async () => {
  const database = "sqlite:///chinook.db";
  const gateway = new Gateway(["--database", database]);
  try {
    gateway.python(
      "import pathlib; from tests.support import chinook; chinook.sqlite_file(pathlib.Path('chinook.db'))",
    );
    gateway.run("introspect", "--database", database, "--access", "read=anyone");
    gateway.run("migrate", "--database", database);
    await gateway.start();
    await pictures(gateway, named("console-existing-database"), async (page) => {
      await page.locator("#resource").selectOption("Track");
      await expect.poll(() => page.locator("#total").innerText()).toBe("60 rows, live");
    });
  } finally {
    await gateway.remove();
  }
});
