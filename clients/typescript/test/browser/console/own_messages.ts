// The console of an application that has messages alone.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../../support/gateway.js";
import { writeCounting } from "../counting.js";
import { close, open, page } from "./pages.js";

export function ownMessages(): void {
  describe("an application with own messages only", () => {
    const gateway = new Gateway(["--schema", "schema", "--handlers", "counting:gateway"]);

    beforeAll(async () => {
      writeCounting(gateway.folder);
      gateway.run("migrate", "--schema", "schema");
      await gateway.start();
    });
    afterAll(() => close(gateway));

    const send = async (to: string) => {
      await page.locator("#own").getByLabel("to").fill(to);
      await page.locator("#own").getByRole("button", { name: "Send" }).click();
    };

    test("parts come before the reply, and an acknowledgement is said in words", async () => {
      await open(page, gateway);
      expect(await page.locator("#own-about").innerText()).toBe("<b>Count</b> to a number.");
      await send("3");
      await expect.poll(() => page.locator("#own-state").innerText()).toBe("Done: the gateway answered ok.");
      expect(await page.locator("#parts li").allInnerTexts()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
      expect(await page.locator("#reply").isVisible()).toBe(false);
    });

    test("a message with parts is copied as a stream, and the program gets the parts", async () => {
      await page.getByRole("button", { name: /^Copy count, sent/ }).click();
      await page.locator("dialog").getByLabel("Form").selectOption("TypeScript");
      const shown = page.locator("dialog pre");
      expect(await shown.innerText()).toContain("for await (const part of stream) console.log(part);");
      await page.locator("dialog").getByLabel("Form").selectOption("Python");
      const printed = gateway.shell(`"$PYTHON" - <<'END'\n${await shown.innerText()}\nEND`);
      expect(printed).toContain("{'n': 1}\n{'n': 2}\n{'n': 3}\n");
      await page.keyboard.press("Escape");
    });

    test("an error of the application stands at the field that it points to, with its code and data", async () => {
      await send("10");
      await expect.poll(() => page.locator("#own .field .problem").innerText()).toContain("that is too far");
      expect(await page.locator("#own-state").innerText()).toBe("The gateway answered with the error app:too_far.");
      expect(JSON.parse(await page.locator("#reply").innerText())).toEqual({ most: 9 });
      expect(await page.locator("#parts").isVisible()).toBe(false);
    });

    test("a request that goes on is cancelled", async () => {
      await send("1");
      await expect.poll(() => page.locator("#own-state").innerText()).toBe("1 part, waiting for the reply");
      await page.locator("#own").getByRole("button", { name: "Cancel" }).click();
      await expect
        .poll(() => page.locator("#own-state").innerText())
        .toBe("The gateway answered with the error cancelled.");
      expect(await page.locator("#own-cancel").isVisible()).toBe(false);
    });

    test("objects, lists and alternatives have fields, and errors stand at the innermost one", async () => {
      await page.locator("#message").selectOption("plan");
      const form = page.locator("#own-form");
      const button = (name: string) => form.getByRole("button", { name, exact: true });
      const steps = form.getByRole("group", { name: /^steps \d/ });
      for (let number = 0; number < 3; number++) await button("Add to steps").click();
      for (const [index, word] of ["ab", "x", "cd"].entries()) {
        await steps.nth(index).getByLabel("word").fill(word);
        await steps.nth(index).getByLabel("lat").fill(`${index}.5`);
      }
      await form.getByLabel("Form of pay").selectOption({ label: "bill" });
      await form.getByRole("textbox", { name: "to" }).fill("y");
      await button("Send").click();
      await expect
        .poll(() => form.locator(".problem:visible").allInnerTexts())
        .toEqual(["must have at least 2 characters /steps/1/word", "must have at least 2 characters /pay/to"]);
      expect(
        await steps
          .nth(1)
          .getByLabel("word")
          .evaluate((input) => input === document.activeElement),
      ).toBe(true);
      await button("Remove steps 2").click();
      await form.getByRole("textbox", { name: "to" }).fill("Ida");
      await button("Send").click();
      await expect.poll(() => page.locator("#own-state").innerText()).toBe("Done: the gateway answered ok.");
      const sent = { word: "ab", place: { lat: 0.5 } };
      const later = { word: "cd", place: { lat: 2.5 } };
      const shown = await page.locator("#wire li", { hasText: '"steps"' }).first().locator("code").innerText();
      expect(JSON.parse(shown)).toMatchObject({ steps: [sent, later], pay: { kind: "bill", to: "Ida" } });
      expect(shown).not.toContain("tags");
    });
  });
}
