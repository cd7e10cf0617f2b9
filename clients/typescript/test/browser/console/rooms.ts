// Rooms of the sample.

import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { open, other, page } from "./pages.js";

export function roomTests(gateway: Gateway): void {
  test("what is said on one page is heard on the other, and again after a reload", async () => {
    await page.locator("#say").getByLabel("text").fill("Fog at <b>noon</b>");
    await page.keyboard.press("Enter");
    await expect.poll(() => other.locator("#messages li").allInnerTexts()).toHaveLength(1);
    expect(await other.locator("#messages li").innerText()).toContain("Fog at <b>noon</b>");
    await open(other, gateway);
    await expect.poll(() => other.locator("#messages li").count()).toBe(1);
    expect(await page.locator("#say").getByLabel("text").inputValue()).toBe("");
  });
}
