// The README's React snippet in a real Chromium under StrictMode: live rows, through a restart of the gateway.

import type { Server } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { launch, servePage } from "./chromium.js";

const gateway = new Gateway();
const errors: string[] = [];
let browser: Browser;
let page: Page;
let server: Server;

beforeAll(async () => {
  gateway.migrate();
  await gateway.start();
  const served = await servePage("page.jsx");
  server = served.server;
  browser = await launch();
  page = await browser.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${served.url}?gateway=${encodeURIComponent(gateway.url)}`);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  await gateway.remove();
});

async function shows(...names: string[]): Promise<void> {
  await expect.poll(() => page.locator("#root > div").allTextContents()).toEqual(names);
}

test("rows appear, change and go as other programs write them", async () => {
  gateway.sql("insert into users (name, email, status) values ('Ada', 'ada@example.com', 'active')");
  await shows("Ada");
  gateway.sql("insert into users (name, email, status) values ('Bob', 'bob@example.com', 'inactive')");
  gateway.sql("insert into users (name, email, status) values ('Cem', 'cem@example.com', 'active')");
  await shows("Ada", "Cem");
  gateway.sql("update users set name = 'Ada L.' where name = 'Ada'");
  await shows("Ada L.", "Cem");
  gateway.sql("update users set status = 'inactive' where name = 'Cem'");
  await shows("Ada L.");
  expect(errors).toEqual([]);
});

test("a restart of the gateway costs nothing, not even what was written meanwhile", async () => {
  await gateway.stop();
  gateway.sql("insert into users (name, email, status) values ('Dan', 'dan@example.com', 'active')");
  await gateway.start();
  await shows("Ada L.", "Dan");
  await gateway.stop("SIGKILL");
  gateway.sql("delete from users where name = 'Ada L.'");
  await gateway.start();
  await shows("Dan");
  expect(errors).toEqual([]);
});

test("the page's own messages reach the gateway", async () => {
  const frames: string[] = [];
  const reloaded = page.waitForEvent("websocket");
  await page.reload();
  const socket = await reloaded;
  socket.on("framereceived", (frame) => frames.push(String(frame.payload)));
  await shows("Dan");
  await page.getByRole("button", { name: "join" }).click();
  await expect.poll(() => frames.some((frame) => frame.includes('"joined"'))).toBe(true);
});
