// The page at `/` in a real Chromium, for the sample, for a new application, and for a database that was there before.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { launch } from "./chromium.js";
import { writeCounting } from "./counting.js";

const complaints: string[] = [];
let browser: Browser;
let page: Page;
let other: Page;

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

async function open(where: Page, gateway: Gateway, hash = ""): Promise<void> {
  await where.goto("about:blank");
  await where.goto(`${gateway.http}/${hash}`);
  await expect.poll(() => where.locator("#status").innerText()).toBe("connected");
}

/** Leave the pages of a gateway before it goes. */
async function close(gateway: Gateway): Promise<void> {
  for (const each of [page, other]) await each.goto("about:blank");
  await gateway.remove();
}

/** The texts of the cells in one column. */
async function column(name: string, where = page): Promise<string[]> {
  const heads = await where
    .locator("#table th")
    .evaluateAll((cells) => cells.map((cell) => cell.firstChild?.textContent));
  return await where.locator(`#table tbody td:nth-child(${heads.indexOf(name) + 1})`).allInnerTexts();
}

async function expectColumn(name: string, values: unknown, where = page): Promise<void> {
  await expect.poll(() => column(name, where)).toEqual(values);
}

/** Fill in the form of the dialog and press its button; the dialog closes when the gateway has done it. */
async function submit(values: Record<string, string>, button: string): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.locator("dialog").getByLabel(label).fill(value);
  await page.locator("dialog").getByRole("button", { name: button }).click();
}

async function expectNoErrorLines(): Promise<void> {
  for (const each of [page, other]) expect(await each.locator("#wire .error").allInnerTexts()).toEqual([]);
}

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
    await expect.poll(() => page.locator("#members li").count()).toBe(2);
    expect(await page.locator("#own").isVisible()).toBe(false);
    await expectNoErrorLines();
  });

  test("what is said on one page is heard on the other, and again after a reload", async () => {
    await page.locator("#say").getByLabel("text").fill("Fog at <b>noon</b>");
    await page.keyboard.press("Enter");
    await expect.poll(() => other.locator("#messages li").allInnerTexts()).toHaveLength(1);
    expect(await other.locator("#messages li").innerText()).toContain("Fog at <b>noon</b>");
    await open(other, gateway);
    await expect.poll(() => other.locator("#messages li").count()).toBe(1);
    expect(await page.locator("#say").getByLabel("text").inputValue()).toBe("");
  });

  test("a row is created, changed and deleted through forms, and is live on the other page", async () => {
    await page.locator("#resource").selectOption("tasks");
    await other.locator("#resource").selectOption("tasks");
    await expect.poll(() => page.locator("#total").innerText()).toBe("10 rows, live");
    await expect.poll(() => other.locator("#total").innerText()).toBe("10 rows, live");
    await page.getByRole("button", { name: "New row" }).click();
    expect(await page.locator("dialog label").allInnerTexts()).not.toContain("id");
    await page.locator("dialog").getByLabel("due_at").fill("2026-03-01T08:30:00");
    await submit({ user_id: "1", title: "Count the buoys", tags: '["sea"]' }, "Create");
    await expect.poll(async () => (await column("title", other)).at(-1)).toBe("Count the buoys");
    expect((await column("due_at", other)).at(-1)).toMatch(/^2026-0[23]-\d\d \d\d:30:00$/);

    await page.getByRole("button", { name: "Edit 11" }).click();
    await page.locator("dialog").getByLabel("done").check();
    await submit({ due_at: "" }, "Save");
    await expect.poll(async () => (await column("done", other)).at(-1)).toBe("yes");
    expect((await column("due_at", other)).at(-1)).toBe("–");
    const sent = await page.locator("#wire .out code").first().innerText();
    expect(JSON.parse(sent).data).toEqual({ done: true, due_at: null });

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
    await page.getByText("Filter", { exact: true }).click();
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
});

describe("a new application", () => {
  const gateway = new Gateway([]);

  beforeAll(async () => {
    gateway.run("init");
    gateway.run("generate");
    gateway.run("migrate", "--seed");
    await gateway.start();
  });
  afterAll(() => close(gateway));

  test("it shows its notes, its board and its message", async () => {
    await open(page, gateway);
    await open(other, gateway);
    await expectColumn("text", ["Read README.md", "Add a property to schema/resources/notes.schema.json"]);
    expect(await page.locator("#room-name").inputValue()).toBe("board-lobby");
    await page.getByRole("button", { name: "New row" }).click();
    await submit({ text: "Buy rope" }, "Create");
    await expect.poll(async () => (await column("text", other)).at(-1)).toBe("Buy rope");
    gateway.sql("insert into notes (text) values ('by another program')");
    await expect.poll(async () => (await column("text")).at(-1)).toBe("by another program");
    await page.locator("#say").getByLabel("text").fill("Ahoy");
    await page.locator("#say").getByRole("button", { name: "Send" }).click();
    await expect.poll(() => other.locator("#messages li").allInnerTexts()).toHaveLength(1);
    await page.locator("#own").getByLabel("name").fill("Ada");
    await page.locator("#own").getByRole("button", { name: "Send" }).click();
    await expect.poll(() => page.locator("#reply").innerText()).toContain("Hello Ada, to me you are Guest");
    await expectNoErrorLines();
  });

  test("a room is left and another one entered", async () => {
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await expect.poll(() => page.locator("#messages").isVisible()).toBe(false);
    await page.getByLabel("Name of the room").fill("garden");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    expect(await page.locator("#room-notes").innerText()).toBe("No kind of room covers garden.");
    await page.getByLabel("Name of the room").fill("board-7");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await expect.poll(() => page.locator("#members li").count()).toBe(1);
    expect(await page.locator("#messages li").count()).toBe(0);
    await expectNoErrorLines();
  });

  test("it loads itself again when the gateway comes back with another contract", async () => {
    const file = join(gateway.folder, "schema", "resources", "notes.schema.json");
    const notes = JSON.parse(readFileSync(file, "utf8"));
    notes.properties.urgent = { type: "boolean", default: false };
    await gateway.stop();
    writeFileSync(file, JSON.stringify(notes));
    gateway.run("generate");
    gateway.run("migrate");
    await gateway.start();
    await expect.poll(() => column("urgent")).toEqual(["no", "no", "no", "no"]);
    expect(await page.locator("#room-name").inputValue()).toBe("board-7");
    const refused = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection/;
    expect(complaints.splice(0).filter((text) => !refused.test(text))).toEqual([]);
  });
});

describe("an application without rows, rooms and messages", () => {
  const gateway = new Gateway(["--schema", "schema"]);

  beforeAll(async () => {
    mkdirSync(join(gateway.folder, "schema"));
    gateway.run("migrate", "--schema", "schema");
    await gateway.start();
  });
  afterAll(() => close(gateway));

  test("it says what to do next, and shows no empty box", async () => {
    await open(page, gateway);
    expect(await page.locator("#notice").innerText()).toContain("tidegate init");
    expect(await page.locator("section:visible").count()).toBe(1);
    await page.getByRole("button", { name: "Send as it is" }).click();
    await expect.poll(() => page.locator("#wire").innerText()).toContain("pong");
    await expectNoErrorLines();
  });
});

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
});

describe("a database that was there before", () => {
  const database = "sqlite:///chinook.db";
  const gateway = new Gateway(["--database", database]);

  beforeAll(async () => {
    gateway.python(
      "import pathlib; from tests.support import chinook; chinook.sqlite_file(pathlib.Path('chinook.db'))",
    );
    gateway.run(
      "introspect",
      "--database",
      database,
      "--access",
      ...["read", "create", "delete"].map((may) => `${may}=anyone`),
    );
    const genre = join(gateway.folder, "schema", "resources", "Genre.schema.json");
    writeFileSync(genre, JSON.stringify({ ...JSON.parse(readFileSync(genre, "utf8")), "x-access": {} }));
    gateway.run("migrate", "--database", database);
    await gateway.start();
  });
  afterAll(() => close(gateway));

  test("its tables are there to choose from, and boxes for rooms and messages are not", async () => {
    await open(page, gateway);
    expect(await page.locator("#resource option").count()).toBe(11);
    await expectColumn("Name", [
      "Name 1",
      "Name 2",
      "Name 3",
      "–",
      "Name 5",
      "Name 6",
      "Name 7",
      "–",
      "Name 9",
      "Name 10",
    ]);
    for (const id of ["#room", "#own", "#notice"]) expect(await page.locator(id).isVisible()).toBe(false);
    gateway.sql("update Artist set Name = 'Ada' where ArtistId = 4", "chinook.db");
    await expect.poll(async () => (await column("Name"))[3]).toBe("Ada");
    await page.getByRole("button", { name: "New row" }).click();
    await submit({ Name: "Grace" }, "Create");
    await expect.poll(async () => (await column("Name"))[10]).toBe("Grace");
    expect(await page.locator("#rows-notes").innerText()).toContain("No role may update Artist");
    await expectNoErrorLines();
  });

  test("a row with a key of two columns is deleted", async () => {
    await page.locator("#resource").selectOption("PlaylistTrack");
    await expect.poll(() => page.locator("#total").innerText()).toBe("30 rows, live");
    await page.getByRole("button", { name: "Delete 1 5" }).click();
    await submit({}, "Delete");
    await expect.poll(() => page.locator("#total").innerText()).toBe("29 rows, live");
  });

  test("a resource that no role may read says so, and the page asks for nothing", async () => {
    await page.locator("#resource").selectOption("Genre");
    expect(await page.locator("#rows-notes").innerText()).toBe(
      "No role may read Genre: x-access is empty; see docs/how-to/permissions.md.",
    );
    expect(await page.locator("#table-frame").isVisible()).toBe(false);
    await page.locator("#resource").selectOption("Track");
    await expect.poll(() => page.locator("#total").innerText()).toBe("60 rows, live");
    await expectNoErrorLines();
  });
});
