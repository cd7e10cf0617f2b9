// The README's React snippet in a real Chromium under StrictMode: live rows, through a restart of the gateway.

import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
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

test("the same page works through a proxy that lets no WebSocket through", async () => {
  const proxy = createServer((asked, answer) => {
    const { url: path, method, headers } = asked;
    const passed = request({ host: "127.0.0.1", port: gateway.port, path, method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  let upgrades = 0;
  proxy.on("upgrade", (_, socket) => {
    upgrades += 1;
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  try {
    const { port } = proxy.address() as AddressInfo;
    const url = `${new URL(page.url()).origin}/?gateway=${encodeURIComponent(`ws://127.0.0.1:${port}/ws`)}`;
    const posted = page.waitForRequest((sent) => sent.method() === "POST" && sent.url().includes("/sse/"));
    await page.goto(url);
    await shows("Dan");
    expect((await posted).headers().authorization).toMatch(/^Bearer /);
    await expect.poll(() => upgrades).toBe(3); // twice before it takes events, and once beside them
    gateway.sql("insert into users (name, email, status) values ('Eve', 'eve@example.com', 'active')");
    await shows("Dan", "Eve");
    const joined = page.waitForRequest((sent) => sent.postData()?.includes('"join"') === true);
    await page.getByRole("button", { name: "join" }).click();
    expect((await (await joined).response())?.status()).toBe(202);
    expect(errors).toEqual([]);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
