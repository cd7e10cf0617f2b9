// The hooks of `tidegate/react` in a real Chromium: two pages, one of which loses its network, end equal.

import type { Server } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { launch, servePage } from "./chromium.js";

const gateway = new Gateway();
const errors: string[] = [];
let browser: Browser;
let pages: Page[];
let server: Server;

beforeAll(async () => {
  gateway.migrate();
  gateway.sql("insert into users (name, email, status) values ('Ada', 'ada@example.com', 'active')");
  await gateway.start();
  const served = await servePage("hooks_page.jsx");
  server = served.server;
  browser = await launch();
  const address = `${served.url}?gateway=${encodeURIComponent(gateway.url)}`;
  pages = await Promise.all(
    [1, 2].map(async () => {
      const page = await (await browser.newContext()).newPage();
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(address);
      return page;
    }),
  );
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  await gateway.remove();
});

const shows = (id: string, text: string, which = pages) =>
  Promise.all(which.map((page) => expect.poll(() => page.locator(`#${id}`).textContent()).toBe(text)));

test("two pages show the same rows and messages, and each other", async () => {
  const [first] = pages as [Page, Page];
  await shows("others", "1");
  await first.fill("#text", "Hello");
  await first.click("#create");
  await shows("messages", "Hello");
  await shows("users", "Ada,Zoe");
  expect(errors).toEqual([]);
});

test("a page without network catches up, and what was said on it meanwhile arrives", async () => {
  const [first, second] = pages as [Page, Page];
  // Chromium keeps open sockets of a page that is offline: the gateway ends them, and the page cannot come back.
  await second.context().setOffline(true);
  await gateway.stop("SIGKILL");
  await shows("status", "reconnecting");
  gateway.sql("update users set name = 'Bea' where name = 'Ada'");
  await gateway.start();
  await shows("users", "Bea,Zoe", [first]);
  await shows("status", "reconnecting", [second]);
  await second.fill("#text", "Said offline");
  await second.context().setOffline(false);
  await shows("users", "Bea,Zoe");
  await Promise.all(
    pages.map((page) => expect.poll(() => page.locator("#messages").textContent()).toContain("Said offline")),
  );
  expect(errors).toEqual([]);
});
