// The protocol page in a real Chromium: each message has its section, the search narrows the list, and the page asks no other server.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { launch } from "./chromium.js";

const gateway = new Gateway();
const complaints: string[] = [];
const asked: string[] = [];
let browser: Browser;
let page: Page;

interface Index {
  client: Record<string, unknown>;
  server: Record<string, unknown>;
  resources: Record<string, unknown>;
  rooms: Record<string, unknown>;
  errors: Record<string, unknown>;
  closes: Record<string, unknown>;
}

beforeAll(async () => {
  gateway.migrate();
  await gateway.start();
  browser = await launch();
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("request", (request) => asked.push(request.url()));
});

beforeEach(async () => {
  await page.goto("about:blank");
  await page.goto(`${gateway.http}/docs`);
});

afterAll(async () => {
  await browser?.close();
  await gateway.remove();
});

/** The ids of the entries that one sees. */
async function shown(): Promise<string[]> {
  return await page.locator("main .entry:visible").evaluateAll((entries) => entries.map((entry) => entry.id));
}

test("every message, resource, kind of room and code has a section and a line in the contents", async () => {
  const bundle = (await (await fetch(`${gateway.http}/schema/bundle.json`)).json()) as { "x-tidegate": Index };
  const { client, server, resources, rooms, errors, closes } = bundle["x-tidegate"];
  const parts = { request: client, message: server, resource: resources, room: rooms, error: errors, close: closes };
  const ids = Object.entries(parts).flatMap(([kind, names]) => Object.keys(names).map((name) => `${kind}-${name}`));
  expect(ids.length).toBeGreaterThan(60);
  const visible = new Set(await shown());
  expect(ids.filter((id) => !visible.has(id))).toEqual([]);
  const links = await page
    .locator("#contents li a")
    .evaluateAll((found) => found.map((link) => link.getAttribute("href")));
  expect(ids.filter((id) => !links.includes(`#${id}`))).toEqual([]);
});

test("each request shows its fields, its reply and an example", async () => {
  for (const section of await page.locator('section.entry[id^="request-"]').all()) {
    const name = (await section.getAttribute("id"))?.slice("request-".length) ?? "";
    expect(await section.locator("td code").allTextContents()).toContain(`"${name}"`);
    // `cancel` is answered by the end of the request that it cancels.
    expect(await section.locator('h3 a[href^="#message-"]').count()).toBe(name === "cancel" ? 0 : 1);
    const example = JSON.parse(await section.locator("pre").innerText());
    expect(example.type).toBe(name);
  }
});

test("the search leaves what has all the words, and nothing else", async () => {
  const all = await shown();
  await page.keyboard.press("/");
  await page.keyboard.type("password write");
  expect(await shown()).toEqual(["resource-users"]);
  expect(await page.locator("#found").innerText()).toBe(`1 of ${all.length}`);
  expect(await page.locator("#contents li:visible").allInnerTexts()).toEqual(["users"]);
  expect(await page.locator("#contents h2:visible").allTextContents()).toEqual(["Resources"]);
  expect(await page.locator("main h2:visible").allTextContents()).toEqual(["Resources"]);
  expect(await page.evaluate(() => CSS.highlights.get("found")?.size)).toBeGreaterThan(1);

  await page.locator("#search").fill("CONFLICT unique");
  expect(await shown()).toEqual(["error-conflict"]);
  await page.locator("#search").fill("zebra");
  expect(await shown()).toEqual([]);
  expect(await page.locator("#nothing").isVisible()).toBe(true);
  await page.locator("#search").press("Escape");
  expect(await shown()).toEqual(all);
  expect(await page.locator("#nothing").isVisible()).toBe(false);
});

test("a link to what the search has hidden shows it", async () => {
  await page.locator("#search").fill("authenticated jwt");
  expect(await shown()).not.toContain("message-authenticated");
  await page.locator("#request-authenticate h3 a[href='#message-authenticated']").click();
  await expect.poll(() => page.locator("#message-authenticated").isVisible()).toBe(true);
  expect(await page.locator("#search").inputValue()).toBe("");
  await expect.poll(() => page.locator("#contents a[aria-current]").allInnerTexts()).toEqual(["authenticated"]);
});

test("light or dark, as the reader's system is", async () => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  expect(await background()).toBe("rgb(255, 255, 255)");
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await background()).toBe("rgb(21, 25, 27)");
});

test("a narrow screen needs no scrolling sideways", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await page.setViewportSize({ width: 1280, height: 720 });
});

test("the console leads to the page", async () => {
  await page.goto(gateway.http);
  await page.getByRole("link", { name: "protocol" }).click();
  await page.waitForURL(`${gateway.http}/docs`);
  expect(await page.title()).toBe("Tidegate protocol");
});

test("the page complained of nothing and asked this gateway alone", () => {
  expect(complaints).toEqual([]);
  expect(asked.length).toBeGreaterThan(3);
  expect(asked.filter((url) => url !== "about:blank" && !url.startsWith(gateway.http))).toEqual([]);
});
