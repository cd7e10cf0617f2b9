// Rooms of the sample.

import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { open, other, page } from "./pages.js";

export function roomTests(gateway: Gateway): void {
  test("what is said on one page is heard on the other, and again after a reload", async () => {
    await page.locator(".say").getByLabel("text").fill("Fog at <b>noon</b>");
    await page.keyboard.press("Enter");
    await expect.poll(() => other.locator(".messages li").allInnerTexts()).toHaveLength(1);
    expect(await other.locator(".messages li").innerText()).toContain("Fog at <b>noon</b>");
    await open(other, gateway);
    await expect.poll(() => other.locator(".messages li").count()).toBe(1);
    expect(await page.locator(".say").getByLabel("text").inputValue()).toBe("");
  });

  test("the page is in several rooms at once, and each shows its own messages, also after a reload", async () => {
    await page.getByLabel("Name of the room").fill("chat-pier");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    const pier = page.locator('[data-room="chat-pier"]');
    const lobby = page.locator('[data-room="chat-lobby"]');
    await expect.poll(() => pier.locator(".members li").count()).toBe(1);
    await pier.getByLabel("text").fill("Two boats for pier 3.");
    await page.keyboard.press("Enter");
    await expect.poll(() => pier.locator(".messages li").count()).toBe(1);
    expect(await lobby.locator(".messages li").count()).toBe(1);
    expect(await page.locator("#room-count").innerText()).toBe("2 joined");
    await page.reload();
    await expect.poll(() => pier.locator(".messages li").allInnerTexts()).toHaveLength(1);
    await expect.poll(() => lobby.locator(".messages li").count()).toBe(1);
    await page.getByRole("button", { name: "Leave chat-pier" }).click();
    await expect.poll(() => page.locator(".room").count()).toBe(1);
    expect(new URL(page.url()).hash).not.toContain("pier");
  });
}
