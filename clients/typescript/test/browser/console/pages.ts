// The two pages that the tests of the console share: one start of Chromium, and no complaint of a page goes unseen.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { launch } from "../chromium.js";

export const complaints: string[] = [];
export let page: Page;
export let other: Page;
let browser: Browser;

/** Open both pages before the tests of a file, and expect after each test that they complained of nothing. */
export function sharePages(): void {
  beforeAll(async () => {
    browser = await launch();
    [page, other] = [await browser.newPage(), await browser.newPage()];
    for (const each of [page, other]) {
      each.setDefaultTimeout(60_000);
      each.on("pageerror", (error) => complaints.push(String(error)));
      each.on("console", (message) => complaints.push(message.text()));
      each.on("requestfailed", (request) => {
        const reason = request.failure()?.errorText;
        // Chromium aborts what a page is still loading when the page is left, as in a reload. Nothing went wrong then.
        if (reason !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${reason}`);
      });
      each.on(
        "response",
        (response) => response.status() >= 400 && complaints.push(`${response.status()} ${response.url()}`),
      );
    }
  });

  afterAll(async () => {
    await browser?.close();
  });

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });
}

export async function open(where: Page, gateway: Gateway, hash = ""): Promise<void> {
  await where.goto("about:blank");
  await where.goto(`${gateway.http}/${hash}`);
  await expect.poll(() => where.locator("#status").innerText()).toBe("connected");
}

/** Leave the pages of a gateway before it goes. */
export async function close(gateway: Gateway): Promise<void> {
  for (const each of [page, other]) await each.goto("about:blank");
  await gateway.remove();
}

/** The texts of the cells in one column. */
export async function column(name: string, where = page): Promise<string[]> {
  const heads = await where
    .locator("#table th")
    .evaluateAll((cells) => cells.map((cell) => cell.firstChild?.textContent));
  return await where.locator(`#table tbody td:nth-child(${heads.indexOf(name) + 1})`).allInnerTexts();
}

export async function expectColumn(name: string, values: unknown, where = page): Promise<void> {
  await expect.poll(() => column(name, where)).toEqual(values);
}

/** Fill in the form of the dialog and press its button; the dialog closes when the gateway has done it. */
export async function submit(values: Record<string, string>, button: string): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.locator("dialog").getByLabel(label).fill(value);
  await page.locator("dialog").getByRole("button", { name: button }).click();
}

export async function expectNoErrorLines(): Promise<void> {
  for (const each of [page, other]) expect(await each.locator("#wire .error").allInnerTexts()).toEqual([]);
}
