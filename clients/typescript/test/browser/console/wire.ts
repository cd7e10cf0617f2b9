// The log of messages: search, pause, and what a sent message is copied as.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { page } from "./pages.js";

export function wireTests(gateway: Gateway): void {
  test("the log is searched, filtered by type and paused, without losing what comes meanwhile", async () => {
    const send = async (json: string) => {
      await page.getByLabel("A message as JSON").fill(json);
      await page.getByRole("button", { name: "Send as it is" }).click();
    };
    const types = async () =>
      (await page.locator("#wire li code").allInnerTexts()).map((text) => JSON.parse(text).type as string);
    await send('{"type":"ping","ref":"first"}');
    await page.getByLabel("Which messages").selectOption("pong");
    expect(await types()).toEqual(["pong"]);
    await page.getByRole("button", { name: "Pause" }).click();
    await send('{"type":"ping","ref":"wreck-9"}');
    await expect.poll(() => page.locator("#wire-count").innerText()).toMatch(/^paused, [2-9] more since$/);
    expect(await types()).toEqual(["pong"]);
    await page.getByRole("button", { name: "Resume" }).click();
    await expect.poll(types).toEqual(["pong", "pong"]);
    await page.getByLabel("Which messages").selectOption("all messages");
    await page.getByLabel("Search in messages").fill("WRECK-9");
    expect(await types()).toEqual(["pong", "ping"]);
    await page.getByLabel("Search in messages").fill("no such text");
    expect(await page.locator("#wire-none").isVisible()).toBe(true);
    await page.getByLabel("Search in messages").fill("");
    expect((await types()).length).toBeGreaterThan(2);
  });

  test("a sent message is copied as JSON, curl, TypeScript and Python, and the programs get the same reply", async () => {
    const sent = { type: "list", resource: "users", filters: { name: "Marit Sandvik" }, fields: ["id"], ref: "it's" };
    await page.getByLabel("A message as JSON").fill(JSON.stringify(sent));
    await page.getByRole("button", { name: "Send as it is" }).click();
    await page.getByLabel("Search in messages").fill("it's");
    await expect.poll(() => page.locator("#wire li").count()).toBe(2);
    await page.getByRole("button", { name: /^Copy rows, received/ }).click();
    const reply = JSON.parse(await page.locator("dialog pre").innerText());
    expect(reply.rows).toEqual([{ id: 1 }]);
    expect(await page.locator("dialog option").allInnerTexts()).toEqual(["JSON"]);
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: /^Copy list, sent/ }).click();
    const as = async (form: string) => {
      await page.locator("dialog").getByLabel("Form").selectOption(form);
      return await page.locator("dialog pre").innerText();
    };
    expect(JSON.parse(await as("JSON"))).toEqual(sent);
    expect(await as("TypeScript")).toContain('await client.request({\n  type: "list",');
    const { ref, type, ...rest } = reply;
    expect(JSON.parse(gateway.shell(await as("curl")))).toMatchObject(rest);
    expect(gateway.shell(`"$PYTHON" - <<'END'\n${await as("Python")}\nEND`)).toContain("'rows': [{'id': 1}]");
    await page.locator("dialog").getByRole("button", { name: "Copy" }).click();
    await expect.poll(() => page.locator("dialog [role=status]").innerText()).toMatch(/^(Copied|Selected)/);
    await page.keyboard.press("Escape");
    await page.getByLabel("Search in messages").fill("");
  });

  test("what is hidden in a message leaves its other values as they were written", async () => {
    await page
      .getByLabel("A message as JSON")
      .fill('{"type":"authenticate","token":"not-a-token","ref":1,"data":{"large":9007199254740993,"share":1.50}}');
    await page.getByRole("button", { name: "Send as it is" }).click();
    await page.getByLabel("Search in messages").fill("9007199254740993");
    await expect
      .poll(() => page.locator("#wire li.out code").allInnerTexts())
      .toEqual(['{"type":"authenticate","token":"•••","ref":1,"data":{"large":9007199254740993,"share":1.50}}']);
    await page.getByLabel("Search in messages").fill("");
  });

  test("a saved recording is replayed, and it has no token", async () => {
    const token = gateway.run("token", "--user", "3", "--name", "Ines", "--dev").trim();
    await page.evaluate((kept) => sessionStorage.setItem("tidegate.token", kept), token);
    await page.reload();
    await expect.poll(() => page.locator("#total").innerText()).toBe("6 rows, live");
    await expect.poll(() => page.locator(".messages li").count()).toBe(1);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save recording" }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^tidegate-.*\.recording\.json$/);
    const file = join(gateway.folder, "saved.json");
    await download.saveAs(file);
    expect(readFileSync(file, "utf8")).not.toContain(token);
    expect(gateway.run("replay", file, "--url", gateway.http, "--dev")).toContain("answers are as recorded");
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await expect.poll(() => page.locator("#user").innerText()).toContain("Sign in");
  });
}
