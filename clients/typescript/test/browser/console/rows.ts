// Rows of the sample: live, in pages, filtered, and written through forms.

import { expect, test } from "vitest";
import type { Gateway } from "../../support/gateway.js";
import { column, expectColumn, expectNoErrorLines, open, other, page, submit } from "./pages.js";

export function rowTests(gateway: Gateway): void {
  test("a row is created, changed and deleted through forms, and is live on the other page", async () => {
    await page.locator("#resource").selectOption("tasks");
    await other.locator("#resource").selectOption("tasks");
    await expect.poll(() => page.locator("#total").innerText()).toBe("10 rows, live");
    await expect.poll(() => other.locator("#total").innerText()).toBe("10 rows, live");
    await page.getByRole("button", { name: "New row" }).click();
    expect(
      await page
        .locator("dialog")
        .getByLabel("user_id")
        .evaluate((input) => input === document.activeElement),
    ).toBe(true);
    expect(await page.locator("dialog label").allInnerTexts()).not.toContain("id");
    await page.locator("dialog").getByLabel("due_at").fill("2026-03-01T08:30:00");
    await page.locator("dialog").getByRole("button", { name: "Add to tags" }).click();
    await page.locator("dialog").getByRole("textbox", { name: "tags 1" }).fill("sea");
    await submit({ user_id: "1", title: "Count the buoys" }, "Create");
    await expect.poll(async () => (await column("title", other)).at(-1)).toBe("Count the buoys");
    expect((await column("due_at", other)).at(-1)).toMatch(/^2026-0[23]-\d\d \d\d:30:00$/);

    await page.getByRole("button", { name: "Edit 11" }).click();
    const editor = page.locator("#table .editor");
    await editor.getByLabel("done").check();
    await editor.getByLabel("due_at").fill("");
    await editor.getByRole("button", { name: "Save" }).click();
    await expect.poll(async () => (await column("done", other)).at(-1)).toBe("yes");
    expect((await column("due_at", other)).at(-1)).toBe("–");
    const sent = await page.locator("#wire .out code").first().innerText();
    expect(JSON.parse(sent).data).toEqual({ done: true, due_at: null });
    await expect.poll(() => editor.count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Edit 11");

    await page.keyboard.press("Enter");
    await editor.getByLabel("user_id").fill("4711");
    await editor.getByRole("button", { name: "Save" }).click();
    await expect.poll(() => editor.locator(".problem:visible").innerText()).toContain("/data/user_id");
    await page.keyboard.press("Escape");
    await expect.poll(() => editor.count()).toBe(0);
    await page.getByRole("button", { name: "Clear" }).click();

    await page.getByRole("button", { name: "Delete 11" }).click();
    await submit({}, "Delete");
    await expect.poll(() => other.locator("#total").innerText()).toBe("10 rows, live");
    await expectNoErrorLines();
  });

  test("a refusal stands beside the input that caused it, with its pointer", async () => {
    await page.locator("#resource").selectOption("users");
    await page.getByRole("button", { name: "New row" }).click();
    await submit({ name: "Marit", email: "marit@example.com", password: "a-secret-of-marit" }, "Create");
    const field = page.locator("dialog .field", { hasText: "email" });
    await expect.poll(() => field.locator(".problem").innerText()).toContain("/data/email");
    expect(await page.locator("dialog").getByLabel("email").getAttribute("aria-invalid")).toBe("true");
    await page.keyboard.press("Escape");
    expect(await page.locator("#wire").innerText()).not.toContain("a-secret-of-marit");
    await page.getByLabel("A message as JSON").fill('{"type":"list","resource":"users","filters":{"staet":1}}');
    await page.getByRole("button", { name: "Send as it is" }).click();
    await expect.poll(() => page.locator("#wire .error").first().innerText()).toContain("/filters/staet");
  });

  test("of many rows there are pages, and a page stays right when rows come and go", async () => {
    const numbers = "with recursive n(i) as (values (1) union all select i + 1 from n where i < 120)";
    gateway.sql(`insert into users (name, email) ${numbers} select 'n' || i, 'n' || i || '@example.com' from n`);
    await open(page, gateway);
    await expect.poll(() => page.locator("#total").innerText()).toBe("126 rows, live");
    expect(await page.locator("#table tbody tr").count()).toBe(100);
    await page.getByRole("button", { name: "Next" }).click();
    await expect.poll(() => page.locator("#range").innerText()).toBe("101 to 126 of 126");
    await expect.poll(() => page.locator("#table tbody tr").count()).toBe(26);
    gateway.sql("delete from users where name = 'n1'");
    await expect.poll(() => page.locator("#range").innerText()).toBe("101 to 125 of 125");
    await expect.poll(() => page.locator("#table tbody tr").count()).toBe(25);
    gateway.sql("delete from users where name glob 'n[0-9]*'");
    await expect.poll(() => page.locator("#total").innerText()).toBe("6 rows, live");
    await expect.poll(() => page.locator("#table tbody tr").count()).toBe(6);
  });

  test("a filter of nested groups, made of the filter schema, chooses the rows and stays live", async () => {
    await page.getByText("Filter and sort").click();
    const filter = page.locator("#filter");
    await filter.getByRole("button", { name: "Add condition" }).click();
    await filter.getByLabel("Property").selectOption("id");
    await filter.getByLabel("Operator").selectOption("lte");
    await filter.getByLabel("Value").fill("4");
    await filter.getByRole("button", { name: "Add group" }).click();
    const nested = filter.locator(".group .group");
    await nested.getByLabel("How the conditions").selectOption("any of");
    for (const [index, name] of ["Marit Sandvik", "buoy-keeper"].entries()) {
      await nested.getByRole("button", { name: "Add condition" }).click();
      await nested.getByLabel("Property").nth(index).selectOption("name");
      await nested.getByLabel("Value").nth(index).fill(name);
    }
    await filter.getByRole("button", { name: "Apply" }).click();
    await expectColumn("id", ["1"]);
    const sent = await page.locator("#wire .out code").allInnerTexts();
    const wanted = [{ id: { lte: 4 } }, { or: [{ name: { eq: "Marit Sandvik" } }, { name: { eq: "buoy-keeper" } }] }];
    expect(sent.slice(0, 2).map((text) => JSON.parse(text).filters)).toEqual([{ and: wanted }, { and: wanted }]);
    gateway.sql("update users set name = 'buoy-keeper' where id in (3, 5)");
    await expectColumn("id", ["1", "3"]);
    await page.locator("#resource").selectOption("tasks");
    await page.locator("#resource").selectOption("users");
    await expect.poll(() => page.locator("#total").innerText()).toBe("6 rows, live");
    expect(await filter.getByLabel("Value").count()).toBe(0);
    await expectNoErrorLines();
  });

  test("rows are sorted by their values, and a changed row moves", async () => {
    await page.locator("#resource").selectOption("tasks");
    await page.locator("#resource").selectOption("users");
    await page.locator("#sort-terms").getByRole("button", { name: "Add property" }).click();
    await page.getByLabel("Property to sort by").selectOption("name");
    await page.getByLabel("Direction").selectOption("desc");
    await page.locator("#filter").getByRole("button", { name: "Apply" }).click();
    await expect.poll(async () => (await column("name"))[0]).toBe("buoy-keeper");
    expect(await page.locator("#filter-chosen").innerText()).toContain("sorted");
    const names = await column("name");
    expect(names).toEqual([...names].sort().reverse());
    gateway.sql("update users set name = 'zz' where id = 1");
    await expect.poll(async () => (await column("name"))[0]).toBe("zz");
    gateway.sql("update users set name = 'Marit Sandvik' where id = 1");
    await expect.poll(async () => (await column("name"))[0]).toBe("buoy-keeper");
  });

  test("what the gateway has against a filter or an order stands at the condition and at the property", async () => {
    const filter = page.locator("#filter");
    await filter.getByRole("button", { name: "Add condition" }).click();
    await filter.getByLabel("Operator").selectOption("in");
    await filter.getByLabel("Value").fill("{");
    await filter.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => filter.locator(".problem:visible").innerText()).toContain("This is no JSON");
    await filter.getByLabel("Value").fill('["one"]');
    await filter.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => filter.locator(".operand .problem:visible").innerText()).not.toContain("JSON");
    expect(await filter.getByLabel("Value").getAttribute("aria-invalid")).toBe("true");
    await filter.getByLabel("Value").fill("[1]");
    await filter.getByRole("button", { name: "Apply" }).click();
    await expectColumn("id", ["1"]);
    expect(await filter.locator(".problem:visible").count()).toBe(0);

    await page.locator("#resource").selectOption("tasks");
    await filter.getByRole("button", { name: "Add property" }).click();
    await page.getByLabel("Property to sort by").selectOption("tags");
    await filter.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => page.locator("#sort-terms .problem:visible").count()).toBe(1);
    await page.getByLabel("Property to sort by").selectOption("title");
    await filter.getByRole("button", { name: "Apply" }).click();
    await expect.poll(async () => (await column("title"))[0]).toBe("Archive last year's readings");
    await page.locator("#resource").selectOption("users");
    await page.getByRole("button", { name: "Clear" }).click();
  });
}
