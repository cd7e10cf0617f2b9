// A token: the rights that it gives, and that it is shown nowhere.

import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { page, submit } from "./pages.js";

export function signInTests(gateway: Gateway): void {
  test("a token gives its rights, stays for the tab, and is shown nowhere", async () => {
    expect(await page.locator("#rows-notes").innerText()).toContain("Only users with the role admin may delete users.");
    expect(await page.getByRole("button", { name: /^Delete/ }).count()).toBe(0);
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(await page.locator("dialog").innerText()).toContain("tidegate token --user 1 --dev");
    await submit({ token: "no-token" }, "Sign in");
    await expect.poll(() => page.locator("dialog .problem:visible").allInnerTexts()).toHaveLength(1);
    const token = gateway.run("token", "--user", "7", "--name", "Ada", "--role", "admin", "--dev").trim();
    await submit({ token }, "Sign in");
    await expect.poll(() => page.locator("#user").innerText()).toBe("Ada · admin");
    await expect.poll(() => page.getByRole("button", { name: "Delete 1", exact: true }).count()).toBe(1);
    await page.reload();
    await expect.poll(() => page.locator("#user").innerText()).toBe("Ada · admin");
    await expect.poll(() => page.locator("#wire").innerText()).toContain("authenticated");
    expect(await page.content()).not.toContain(token);
    expect(await page.locator("#wire").innerText()).toContain('"token":"•••"');
    expect(await page.locator("#wire").innerText()).toContain('"identity":"•••"');
    await page.locator("#user").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect.poll(() => page.locator("#user").innerText()).toContain("Sign in");
    await expect.poll(() => page.getByRole("button", { name: /^Delete/ }).count()).toBe(0);
  });
}
