// The page at `/` in a real Chromium, for the sample, for a new application, and for a database that was there before.
// Each subject has a file in `console/`; they are run from this file, because they share one browser and one sample.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { emptyApplication } from "./console/empty_application.js";
import { existingDatabase } from "./console/existing_database.js";
import { newApplication } from "./console/new_application.js";
import { ownMessages } from "./console/own_messages.js";
import { close, column, expectNoErrorLines, open, other, page, sharePages } from "./console/pages.js";
import { roomTests } from "./console/rooms.js";
import { rowTests } from "./console/rows.js";
import { signInTests } from "./console/sign_in.js";
import { pageTests } from "./console/whole.js";
import { wireTests } from "./console/wire.js";

sharePages();

describe("the sample", () => {
  const gateway = new Gateway();

  beforeAll(async () => {
    gateway.migrate(true);
    await gateway.start();
  });
  afterAll(() => close(gateway));

  test("users and a room are there at once, and the page needs no choice", async () => {
    await open(page, gateway);
    await open(other, gateway);
    await expect.poll(() => page.locator("#total").innerText()).toBe("6 rows, live");
    expect((await column("name"))[0]).toBe("Marit Sandvik");
    expect(await page.locator("#resource option").allInnerTexts()).toEqual(["tasks", "users"]);
    expect(await page.locator("#room-name").inputValue()).toBe("chat-lobby");
    await expect.poll(() => page.locator(".members li").count()).toBe(2);
    expect(await page.locator("#own").isVisible()).toBe(false);
    await expectNoErrorLines();
  });

  roomTests(gateway);
  rowTests(gateway);
  wireTests(gateway);
  signInTests(gateway);
  pageTests(gateway);
});

newApplication();
emptyApplication();
ownMessages();
existingDatabase();
