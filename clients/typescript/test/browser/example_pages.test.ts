// The examples, as two people use them: in two contexts of a real Chromium, one of which loses its network for a while. And
// the worker, as it is stopped and started again.

import { spawn } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway, ROOT } from "../support/gateway.js";
import { Relay } from "../support/relay.js";
import { launch } from "./chromium.js";

/** A person at a browser, with a line to the gateway that can break. */
interface Person {
  page: Page;
  relay: Relay;
}

const gateway = new Gateway();
const complaints: string[] = [];
const closing: (() => unknown)[] = [];
let browser: Browser;

beforeAll(async () => {
  gateway.migrate(true);
  await gateway.start();
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  for (const close of closing) await close();
  await gateway.remove();
});

/**
 * A context for each person: another identity. Each has its own server of the pages, behind its own line. The servers share
 * what the first makes of the packages.
 */
async function person(example: string): Promise<Person> {
  const relay = new Relay(gateway.port);
  await relay.start();
  process.env.GATEWAY = relay.url.replace("ws:", "http:").replace("/ws", "");
  const vite: ViteDevServer = await createServer({
    configFile: `${ROOT}clients/typescript/examples/vite.config.ts`,
    cacheDir: `${gateway.folder}/vite`,
    server: { port: 0 },
    logLevel: "silent", // the proxy complains of the line that the tests break
  });
  await vite.listen();
  closing.push(
    () => relay.stop(),
    () => vite.close(),
  );
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  const [address] = vite.resolvedUrls?.local ?? [];
  await page.goto(`${address}${example}/`);
  return { page, relay };
}

/** The pictures of the documents: SCREENSHOTS=FOLDER writes them. */
async function show({ page }: Person, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/example-${name}.png` });
}

/** Not Chromium's own switch: it has one process here, which the switch takes offline whole, for both people. */
function loseNetwork({ relay }: Person): void {
  relay.up = false;
  relay.cut();
}

async function findNetwork({ page, relay }: Person): Promise<void> {
  relay.up = true;
  await page.evaluate(() => dispatchEvent(new Event("online")));
}

test("chat: messages, typing, and nothing lost over a broken line", async () => {
  const [ann, ben] = [await person("chat"), await person("chat")];
  const said = ({ page }: Person) => page.locator("ol li").allTextContents();
  const say = async ({ page }: Person, text: string) => {
    await page.getByLabel("Message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  };
  await expect.poll(() => ann.page.locator("main").textContent()).toMatch(/Guest.*, Guest/);
  await ben.page.getByLabel("Message").fill("Hel");
  await expect.poll(() => ann.page.locator("main").textContent()).toContain("is typing");
  await say(ben, "Hello");
  await expect.poll(async () => (await said(ann)).length).toBe(1);
  await expect.poll(() => ann.page.locator("main").textContent()).not.toContain("is typing");

  loseNetwork(ben);
  await expect.poll(() => ben.page.locator("main").textContent()).toContain("reconnecting");
  await say(ben, "Said without a network");
  for (const text of ["one", "two", "three"]) await say(ann, text);
  await expect.poll(async () => (await said(ann)).length).toBe(4);
  await findNetwork(ben);
  await expect.poll(async () => (await said(ben)).length).toBe(5);
  await expect.poll(async () => await said(ann)).toEqual(await said(ben));

  await ann.page.getByLabel("Message").fill("Is the pilot");
  await expect.poll(() => ben.page.locator("main").textContent()).toContain("is typing");
  await show(ben, "chat");
  await ann.page.getByLabel("Message").fill("");

  // A message that the schema refuses is the error of the form, and of nothing else.
  await say(ann, "x".repeat(2001));
  await expect.poll(() => ann.page.getByRole("alert").textContent()).toContain("2000");
  await say(ann, "shorter");
  await expect.poll(() => ann.page.getByRole("alert").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("whiteboard: the lines of both stay, cursors come and go", async () => {
  const [ann, ben] = [await person("whiteboard"), await person("whiteboard")];
  const lines = ({ page }: Person) =>
    page.locator("polyline").evaluateAll((all) => all.map((each) => each.getAttribute("points")).filter(Boolean));
  const draw = async ({ page }: Person, y: number) => {
    const box = await page.getByLabel("The board").boundingBox();
    if (!box) throw new Error("there is no board");
    await page.mouse.move(box.x + 50, box.y + y);
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + y + 40, { steps: 5 });
    await page.mouse.up();
  };
  await expect.poll(() => ann.page.locator("main").textContent()).toContain("2 here");
  await draw(ann, 80);
  await expect.poll(async () => (await lines(ben)).length).toBe(1);
  await expect.poll(() => ben.page.locator("circle").count()).toBe(1);

  loseNetwork(ben);
  await expect.poll(() => ben.page.locator("main").textContent()).toContain("reconnecting");
  await draw(ben, 160);
  await draw(ann, 240);
  await findNetwork(ben);
  await expect.poll(async () => (await lines(ben)).length).toBe(3);
  await expect.poll(async () => await lines(ann)).toEqual(await lines(ben));
  await show(ben, "whiteboard");
  await ann.page.goto("about:blank");
  await expect.poll(() => ben.page.locator("circle").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("admin: both tables follow every writer, and an outdated form is told so", async () => {
  gateway.sql("delete from tasks where id > 3");
  const [ann, ben] = [await person("admin"), await person("admin")];
  const titles = ({ page }: Person) => page.locator("tbody td:first-child").allTextContents();
  const row = ({ page }: Person, title: string) => page.getByRole("row", { name: title });
  await expect.poll(async () => (await titles(ann)).length).toBe(3);
  gateway.sql("insert into tasks (user_id, title, priority) values (1, 'Written by another program', 1)");
  for (const each of [ann, ben]) await expect.poll(() => titles(each)).toContain("Written by another program");

  for (const each of [ann, ben]) await row(each, "Written by another program").getByRole("button").click();
  await ann.page.getByLabel("Title").fill("Changed by Ann");
  await ann.page.getByRole("button", { name: "Save" }).click();
  for (const each of [ann, ben]) await expect.poll(() => titles(each)).toContain("Changed by Ann");
  await ben.page.getByLabel("Title").fill("Changed by Ben");
  await ben.page.getByRole("button", { name: "Save" }).click();
  await expect.poll(() => ben.page.getByRole("alert").textContent()).toBe("Another user changed this task.");
  await show(ben, "admin");
  await ben.page.getByRole("button", { name: "Cancel" }).click();

  loseNetwork(ben);
  gateway.sql("update tasks set title = 'Changed meanwhile' where title = 'Changed by Ann'");
  await expect.poll(() => titles(ann)).toContain("Changed meanwhile");
  await findNetwork(ben);
  await expect.poll(() => titles(ben)).toContain("Changed meanwhile");
  expect(await titles(ben)).toEqual(await titles(ann));
  expect(complaints).toEqual([]);
});

test("worker: what was added while it was not running is not missed", async () => {
  let said = "";
  const work = (until: string) =>
    new Promise<void>((resolve, reject) => {
      const script = `${ROOT}clients/typescript/examples/worker/worker.py`;
      const worker = spawn(`${ROOT}.venv/bin/python`, [script, gateway.url, `${gateway.folder}/position.json`]);
      const isDone = () => said.includes(`urgent: ${until}\n`);
      worker.stdout.on("data", (chunk) => {
        said += chunk;
        if (isDone()) worker.kill();
      });
      worker.once("exit", () => (isDone() ? resolve() : reject(new Error(said))));
    });
  const add = (title: string) => gateway.sql(`insert into tasks (user_id, title) values (1, '${title}')`);
  add("urgent: one");
  await work("urgent: one");
  add("not so important");
  add("urgent: two");
  await work("urgent: two");
  expect(said).toBe("urgent: urgent: one\nurgent: urgent: two\n");
});
