// The page as a whole: light and dark, narrow screens, names of inputs, and the loss of its gateway.

import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { column, complaints, page } from "./pages.js";

export function pageTests(gateway: Gateway): void {
  test("light or dark as the system is, and no scrolling sideways on a narrow screen", async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: "light" });
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await background()).not.toBe(light);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.emulateMedia({ colorScheme: "light" });
  });

  test("every input and button has a name", async () => {
    await page.getByRole("button", { name: "Clear" }).click();
    expect(await page.locator("#wire li").count()).toBe(0);
    for (const each of await page.locator("input:visible, select:visible, textarea:visible, button:visible").all()) {
      const name = await each.evaluate(
        (node: HTMLInputElement) => node.ariaLabel || node.labels?.[0]?.textContent || node.innerText,
      );
      expect(name, await each.evaluate((node) => node.outerHTML)).not.toBe("");
    }
  });

  test("it comes back after the gateway was gone, with what was written meanwhile", async () => {
    await gateway.stop("SIGKILL");
    await expect.poll(() => page.locator("#status").getAttribute("data-state")).not.toBe("open");
    gateway.sql("update users set name = 'Zoe' where id = 1");
    await gateway.start();
    await expect.poll(async () => (await column("name"))[0]).toBe("Zoe");
    await expect.poll(() => page.locator("#status").innerText()).toBe("connected");
    const refused = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection/;
    expect(complaints.splice(0).filter((text) => !refused.test(text))).toEqual([]);
  });
}
