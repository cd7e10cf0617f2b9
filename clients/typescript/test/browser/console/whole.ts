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
    const folded = page.locator("details:visible");
    for (const each of await folded.all()) await each.evaluate((one: HTMLDetailsElement) => (one.open = true));
    await page.setViewportSize({ width: 375, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
    for (const each of await folded.all()) await each.evaluate((one: HTMLDetailsElement) => (one.open = false));
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.emulateMedia({ colorScheme: "light" });
  });

  test("the keyboard alone reaches everything, from the top to the bottom, and the focus is seen", async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.mouse.click(2, 2);
    const seen: string[] = [];
    const tops: number[] = [];
    for (let step = 0; step < 120 && seen.at(-1) !== "wire"; step++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const on = document.activeElement as HTMLElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(on);
        const part = on.closest("section, header")?.id || "header";
        return { id: on.id, part, outline: `${outlineStyle} ${outlineWidth}` };
      });
      expect(at.outline, `${at.part} ${at.id}`).toBe("solid 2px");
      seen.push(at.id);
      tops.push(["header", "rows", "own", "room", "state", "wire-panel"].indexOf(at.part));
    }
    for (const id of ["user", "resource", "new-row", "table-frame", "room-name", "join", "wire-search", "wire"])
      expect(seen).toContain(id);
    expect(tops).toEqual([...tops].sort((one, other) => one - other));
    for (const id of ["status", "total", "room-count", "own-state"])
      expect(await page.locator(`#${id}`).getAttribute("role")).toBe("status");
  });

  test("the page says who is connected, and what subscriptions cost, without tokens", async () => {
    await page.locator("#state summary").click();
    await expect.poll(() => page.locator("#state-connections tbody tr").count()).toBe(2);
    await expect.poll(() => page.locator("#state-rooms").innerText()).toContain("chat-lobby");
    await expect.poll(() => page.locator("#state-groups").innerText()).toContain("every row");
    expect(await page.locator("#state-connections").innerText()).toContain("(this page)");
    await page.locator("#state summary").click();
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
