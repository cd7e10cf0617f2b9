// @vitest-environment happy-dom
// The fake gateway: the real client behaves with it as with a real gateway.

import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import { type App, RESOURCES, type User } from "../../../generated/typescript/app.js";
import { type Client, type Options, RequestRefused, resource } from "../src/index.js";
import { TidegateProvider, useLiveQuery } from "../src/react/index.js";
import { type FakeGateway, fakeGateway, refuse } from "../src/testing/index.js";

const ADA = { name: "Ada", email: "ada@example.com" };
const BO = { name: "Bo", email: "bo@example.com", status: "inactive" as const };

/** An application's own contract, as `tidegate generate` writes it. */
interface Shop {
  resources: App["resources"];
  rooms: App["rooms"];
  clientMessages: {
    buy: { type: "buy"; amount: number; ref?: number | string };
    quote: { type: "quote"; ref?: number | string };
    note: { type: "note"; text: string; ref?: number | string };
  };
  serverMessages: { bought: { type: "bought"; left: number }; closing: { type: "closing"; at: string } };
  replies: { buy: { type: "bought"; left: number }; quote: { type: "bought"; left: number }; note: { type: "ok" } };
}

const clients: Client<never>[] = [];

function shop(): FakeGateway<Shop> {
  return fakeGateway<Shop>({ resources: RESOURCES, rows: { users: [ADA, BO] } });
}

function open(gateway: FakeGateway<Shop>, options: Options = {}): Client<Shop> {
  const client = gateway.client({ random: () => 0, ...options });
  clients.push(client as never);
  return client;
}

async function refusal(asked: Promise<unknown>): Promise<RequestRefused> {
  const error = await asked.then(
    () => undefined,
    (found: unknown) => found,
  );
  expect(error).toBeInstanceOf(RequestRefused);
  return error as RequestRefused;
}

afterEach(() => {
  cleanup();
  for (const client of clients.splice(0)) client.close();
});

describe("rows", () => {
  it("have the keys, defaults and times that a gateway would give them", async () => {
    const gateway = shop();
    const users = resource(open(gateway), "users");
    const made = await users.create({ name: "Cy", email: "cy@example.com" });
    expect(made).toMatchObject({ id: 3, status: "active", name: "Cy" });
    expect(made.created_at).toMatch(/^\d{4}-.*T.*\.\d{6}Z$/);
    expect(gateway.rows("users").all()).toContainEqual(made);
  });

  it("are filtered, sorted, cut into pages and counted", async () => {
    const users = resource(open(shop()), "users");
    expect(await users.list({ filters: { status: "inactive" } })).toMatchObject([BO]);
    expect(await users.list({ filters: { name: { startswith: "a" } }, fields: ["name"] })).toEqual([
      { id: 1, name: "Ada" },
    ]);
    const page = await users.page({ sort: ["-name"], limit: 1 });
    expect(page).toMatchObject({ rows: [BO], total: 2 });
    expect(await users.get(2)).toMatchObject(BO);
    expect(await users.getMany([2, 99])).toHaveLength(1);
  });

  it("that do not exist, or are not what was expected, are refused with a pointer", async () => {
    const users = resource(open(shop()), "users");
    expect(await refusal(users.delete(99))).toMatchObject({ code: "not_found" });
    const conflict = await refusal(users.update(1, { name: "Eve" }, { expect: { name: "Bo" } }));
    expect(conflict).toMatchObject({ code: "conflict", pointer: "/if/name" });
  });

  it("are written all or, where one is refused, none", async () => {
    const gateway = shop();
    const users = resource(open(gateway), "users");
    const live = users.subscribe({});
    const heard = vi.fn();
    await live.loaded();
    live.on("update", heard);
    const taken = { ...ADA, id: 2 };
    expect(await refusal(users.createMany([{ ...ADA, id: 7 }, taken] as never))).toMatchObject({ code: "conflict" });
    expect(gateway.rows("users").all()).toMatchObject([ADA, BO]);
    expect(heard).not.toHaveBeenCalled();
  });

  it("are written once, however often a client sends the write", async () => {
    const gateway = shop();
    const users = resource(open(gateway, { token: "7" }), "users");
    const once = () => users.create(ADA, { key: "k" });
    expect(await once()).toEqual(await once());
    expect(gateway.rows("users").all()).toHaveLength(3);
    expect(await refusal(users.create(BO, { key: "k" }))).toMatchObject({ code: "conflict", pointer: "/key" });
    expect(await resource(open(gateway, { token: "8" }), "users").create(ADA, { key: "k" })).toMatchObject({ id: 4 });
  });

  it("are written once although the connection broke before the answer", async () => {
    const gateway = shop();
    const client = open(gateway);
    await client.ping();
    const writing = resource(client, "users").create(ADA);
    while (gateway.rows("users").all().length < 3) await undefined;
    gateway.disconnect();
    expect(await writing).toMatchObject(ADA);
    expect(gateway.rows("users").all()).toHaveLength(3);
  });

  it("that get another key are other rows", async () => {
    const gateway = shop();
    const live = resource(open(gateway), "users").subscribe({});
    await live.loaded();
    gateway.rows("users").update(1, { id: 5 });
    await vi.waitFor(() => expect(live.rows.map(({ id }) => id)).toEqual([2, 5]));
    expect(gateway.rows("users").all()).toMatchObject([BO, { ...ADA, id: 5 }]);
  });

  it("reach a live query as they enter it, change in it and leave it", async () => {
    const gateway = shop();
    const live = resource(open(gateway), "users").subscribe({ filters: { status: "active" }, sort: ["name"] });
    await live.loaded();
    expect(live.rows).toMatchObject([ADA]);
    gateway.rows("users").update(2, { status: "active" });
    await vi.waitFor(() => expect(live.rows).toMatchObject([ADA, { name: "Bo" }]));
    gateway.rows("users").update(1, { status: "inactive" });
    await vi.waitFor(() => expect(live.rows).toMatchObject([{ name: "Bo" }]));
    gateway.rows("users").delete(2);
    await vi.waitFor(() => expect(live.rows).toEqual([]));
  });

  it("that the client missed while it was away are there when it is back", async () => {
    const gateway = shop();
    const live = resource(open(gateway), "users").subscribe({});
    await live.loaded();
    gateway.offline();
    gateway.rows("users").delete(1);
    gateway.online();
    await vi.waitFor(() => expect(live.rows).toMatchObject([BO]));
  });

  it("have types", () => {
    const rows = shop().rows("users");
    expectTypeOf(rows.all()).toEqualTypeOf<User[]>();
    // @ts-expect-error there is no such resource
    shop().rows("user");
  });
});

describe("rooms", () => {
  it("carry messages between clients, and from the test", async () => {
    const gateway = shop();
    const [one, two] = [await open(gateway).join("chat-1"), await open(gateway).join("chat-1")];
    const heard: unknown[] = [];
    two.on("message", ({ data }) => heard.push(data));
    await one.send({ text: "Hello" });
    gateway.room("chat-1").say({ text: "And I" }, { id: "9", name: "Cy" });
    await vi.waitFor(() => expect(heard).toEqual([{ text: "Hello" }, { text: "And I" }]));
    expect((await one.history()).messages).toHaveLength(2);
  });

  it("replay what a client missed", async () => {
    const gateway = shop();
    const room = await open(gateway).join("chat-1");
    const heard: unknown[] = [];
    room.on("message", ({ data, replayed }) => heard.push([(data as { text: string }).text, replayed]));
    await room.send({ text: "1" });
    gateway.offline();
    gateway.room("chat-1").say({ text: "2" });
    gateway.online();
    await vi.waitFor(() =>
      expect(heard).toEqual([
        ["1", false],
        ["2", true],
      ]),
    );
  });

  it("take a message once, however often a client sends it", async () => {
    const gateway = shop();
    const room = await open(gateway).join("chat-1");
    const once = () => room.send({ text: "1" }, { key: "k" });
    expect(await once()).toEqual(await once());
    expect(gateway.room("chat-1").messages).toHaveLength(1);
    expect(await refusal(room.send({ text: "2" }, { key: "k" }))).toMatchObject({ code: "conflict" });
  });

  it("know a member that becomes another user", async () => {
    const gateway = shop();
    const [one, two] = [open(gateway), open(gateway, { token: "7" })];
    await one.join("chat-1");
    const room = await two.join("chat-1", { presence: "diff" });
    const members = () => room.members.map(({ id }) => id).sort();
    await vi.waitFor(() => expect(members()).toEqual(["7", "anon-1"]));
    await one.authenticate("9");
    await vi.waitFor(() => expect(members()).toEqual(["7", "9"]));
  });

  it("know their members, who come and go", async () => {
    const gateway = shop();
    const room = await open(gateway, { token: "7" }).join("chat-1", { status: "away" });
    const others = await open(gateway).join("chat-1", { presence: "diff" });
    gateway.room("chat-1").enter({ id: "9", name: "Cy", info: { typing: true } });
    const seen = (of: typeof room) => of.members.map(({ id, status }) => [id, status]);
    await vi.waitFor(() =>
      expect(seen(room)).toEqual([
        ["7", "away"],
        ["anon-2", "online"],
        ["9", "online"],
      ]),
    );
    await vi.waitFor(() => expect(seen(others)).toEqual(seen(room)));
    gateway.room("chat-1").exit("9");
    await vi.waitFor(() => expect(seen(others)).toHaveLength(2));
    gateway.room("chat-1").remove("7", "forbidden");
    await vi.waitFor(() => expect(seen(others)).toEqual([["anon-2", "online"]]));
  });
});

describe("messages of the application", () => {
  it("are answered by the test", async () => {
    const gateway = shop().on("buy", ({ amount }) => ({ left: 10 - amount }));
    expect(await open(gateway).request({ type: "buy", amount: 3 })).toMatchObject({ left: 7 });
    expect(gateway.sent).toMatchObject([{ type: "buy", amount: 3 }]);
  });

  it("are refused by the test, and as it was before after `off`", async () => {
    const gateway = shop().on("create", () => {
      throw refuse("conflict", "the name is taken", { pointer: "/data/name" });
    });
    const users = resource(open(gateway), "users");
    const found = await refusal(users.create(ADA));
    expect(found.fields).toEqual({ name: ["the name is taken"] });
    gateway.off("create");
    expect(await users.create(ADA)).toMatchObject(ADA);
  });

  it("without an answer say what the test has to write", async () => {
    const found = await refusal(open(shop()).request({ type: "quote" }));
    expect(found.message).toContain('gateway.on("quote", ...)');
  });

  it("may say that the same request can succeed later", async () => {
    const gateway = shop().on("quote", () => {
      throw refuse("unavailable");
    });
    expect(await refusal(open(gateway).request({ type: "quote" }))).toMatchObject({ retryable: true });
  });

  it("without a reply are acknowledged", async () => {
    const told = vi.fn();
    const gateway = shop().on("note", ({ text }) => told(text));
    expect(await open(gateway).request({ type: "note", text: "x" })).toMatchObject({ type: "ok" });
    expect(told).toHaveBeenCalledWith("x");
  });

  it("that answer no request reach every client", async () => {
    const gateway = shop();
    const client = open(gateway);
    await client.ping();
    const heard = new Promise((resolve) => client.on("closing", resolve));
    gateway.push("closing", { at: "18:00" });
    expect(await heard).toMatchObject({ at: "18:00" });
  });

  it("have types", () => {
    // @ts-expect-error `left` is a number
    shop().on("buy", () => ({ left: "none" }));
    // @ts-expect-error there is no such message
    shop().on("by", () => ({}));
  });
});

describe("users", () => {
  it("are those of tokens, of JWTs, or anonymous ones", async () => {
    const payload = btoa(JSON.stringify({ sub: "7", name: "Ann", roles: ["admin"] }));
    const gateway = fakeGateway<Shop>({ users: { red: { id: "8", roles: ["editor"] } } });
    const named = async (token?: string) => {
      const client = open(gateway, { token });
      await client.ping();
      return client.user;
    };
    expect(await named()).toMatchObject({ id: "anon-1", anonymous: true });
    expect(await named("red")).toEqual({ id: "8", name: "8", roles: ["editor"], anonymous: false });
    expect(await named(`x.${payload}.y`)).toMatchObject({ id: "7", name: "Ann", roles: ["admin"] });
    const client = open(gateway);
    expect(await client.authenticate("red")).toMatchObject({ id: "8" });
  });

  it("stay the same anonymous ones when their connection breaks", async () => {
    const gateway = shop();
    const client = open(gateway);
    const statuses: string[] = [];
    client.on("status", ({ status }) => statuses.push(status));
    await client.ping();
    const { user } = client;
    gateway.disconnect();
    await vi.waitFor(() => expect(statuses).toEqual(["open", "reconnecting", "open"]));
    expect(client.user).toEqual(user);
  });
});

describe("a component", () => {
  function Names() {
    const { rows, status } = useLiveQuery("users", { sort: ["name"] });
    return <p>{status === "live" ? rows.map(({ name }) => name).join(", ") : status}</p>;
  }

  it("shows what the test does", async () => {
    const gateway = shop();
    render(
      <TidegateProvider client={open(gateway) as never}>
        <Names />
      </TidegateProvider>,
    );
    expect(await screen.findByText("Ada, Bo")).toBeTruthy();
    act(() => void gateway.rows("users").create({ name: "Al", email: "al@example.com" }));
    expect(await screen.findByText("Ada, Al, Bo")).toBeTruthy();
  });
});
