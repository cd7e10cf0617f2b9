// The client in a real Chromium, against a real gateway behind a relay: a reload is no new guest, and a connection that has
// become a black hole is replaced when the browser says that it is online. Behind a proxy that lets no WebSocket through, the
// client speaks over events, and remembers it.

import type { Server } from "node:http";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { connect as Connect, Room } from "../../src/index.js";
import { Gateway } from "../support/gateway.js";
import { Relay } from "../support/relay.js";
import { launch, servePage } from "./chromium.js";

declare const connect: typeof Connect;
declare let room: Room;

const gateway = new Gateway();
let relay: Relay;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let server: Server;
let address: string;

beforeAll(async () => {
  gateway.migrate();
  await gateway.start();
  relay = new Relay(gateway.port);
  await relay.start();
  ({ url: address, server } = await servePage("line_page.ts"));
  browser = await launch();
  context = await browser.newContext(); // one for all tests: this Chromium has one process, which ends with it
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  relay?.stop();
  await gateway.remove();
});

/** The user of a client that the page makes. */
function userOf(page: Page): Promise<string | undefined> {
  return page.evaluate(async (url) => {
    const client = connect(url);
    await client.ping();
    return client.user?.id;
  }, relay.url);
}

test("a reload is the same guest; another tab is another one, unless it is a copy", async () => {
  page = await context.newPage();
  await page.goto(address);
  const first = await userOf(page);
  expect(first).toMatch(/^anon-/);
  await page.reload();
  expect(await userOf(page)).toBe(first);

  const [copy] = await Promise.all([
    page.waitForEvent("popup"),
    page.evaluate((url) => void window.open(url), address),
  ]);
  await copy.waitForLoadState();
  expect(await userOf(copy), "window.open copies the session's storage").toBe(first);

  const tab = await context.newPage();
  await tab.goto(address);
  expect(await userOf(tab)).not.toBe(first);
});

test("a black hole is replaced when the browser is online, and what was said meanwhile is said once", async () => {
  await page.goto(address);
  await page.evaluate(async (url) => {
    const client = connect(url);
    room = await client.join("lobby");
  }, relay.url);
  relay.swallow();
  const { seconds, messages } = await page.evaluate(async () => {
    const start = performance.now();
    window.dispatchEvent(new Event("online"));
    await room.send({ text: "said into the hole" });
    const seconds = (performance.now() - start) / 1000;
    return { seconds, messages: (await room.history()).messages.map(({ data }) => data) };
  });
  expect(messages).toEqual([{ text: "said into the hole" }]);
  // Silence alone is noticed after 55 s, a late answer after 14 s.
  expect(seconds).toBeLessThan(14);
});

/** Connects, and says over what. The page is loaded again, so that nothing but its storage knows what was before. */
async function reloaded(): Promise<{ status: string; events: boolean; asked: number }> {
  await page.reload();
  const asked = relay.asked;
  const { status, events } = await page.evaluate(async (url) => {
    const client = connect(url);
    await client.ping();
    const events = performance.getEntriesByType("resource").some(({ name }) => /\/sse\/./.test(name));
    return { status: client.status, events };
  }, relay.url);
  return { status, events, asked: relay.asked - asked };
}

test("a proxy that blocks WebSockets is remembered, and found to block no more", async () => {
  await page.goto(address);
  relay.upgrades = "remove";
  expect(await reloaded()).toMatchObject({ status: "open", events: true });
  // A stream begins at once: one WebSocket is tried beside it, and none before, of which a proxy might swallow two.
  relay.upgrades = "swallow";
  const remembered = await reloaded();
  expect(remembered).toMatchObject({ status: "open", events: true });
  expect(remembered.asked).toBeLessThan(2);

  relay.upgrades = "pass";
  // The stream of this page, beside which a WebSocket comes about; from then on pages begin with one.
  await page.reload();
  await page.evaluate(async (url) => {
    const client = connect(url);
    const key = Object.keys(localStorage).find((name) => name.startsWith("tidegate.sse:")) as string;
    while (localStorage.getItem(key) || client.status !== "open")
      await new Promise((resolve) => setTimeout(resolve, 10));
  }, relay.url);
  expect(await reloaded()).toEqual({ status: "open", events: false, asked: 1 });
});
