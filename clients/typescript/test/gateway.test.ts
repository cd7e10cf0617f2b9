// The client against the real gateway, over real sockets: everything once, and a gateway that dies in the middle.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type App, RESOURCES } from "../../../generated/typescript/app.js";
import {
  type Client,
  ClientClosed,
  connect,
  RequestRefused,
  resource,
  type SocketConstructor,
  type Status,
} from "../src/index.js";
import { optimistic } from "../src/optimistic/index.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";

const gateway = new Gateway();
const clients: Client<App>[] = [];

beforeAll(async () => {
  gateway.migrate(true);
  await gateway.start();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await gateway.remove();
});

async function open(token?: string): Promise<Client<App>> {
  const options = { WebSocket: WebSocket as unknown as SocketConstructor };
  const client = connect<App>(gateway.url, token ? { ...options, token } : options);
  clients.push(client);
  await until(client, "open");
  return client;
}

async function until(client: Client<App>, status: Status): Promise<void> {
  await eventually(() => expect(client.status).toBe(status));
}

/** `tidegate token` of an administrator: only that role may delete users. */
function administrator(): string {
  return gateway.run("token", "--user", "admin", "--role", "admin", "--dev").trim();
}

describe("rooms", () => {
  it("carry messages, presence and history between clients", async () => {
    const [ann, bob] = [await open(), await open()];
    const [hers, his] = [ann.room("chat-harbour"), bob.room("chat-harbour")];
    const heard: unknown[] = [];
    his.on("message", ({ from, data }) => heard.push([from, data.text]));
    await Promise.all([hers.join(), his.join({ status: "away" })]);
    await eventually(() => expect(hers.members).toHaveLength(2));
    expect(hers.members.find(({ id }) => id === bob.user?.id)?.status).toBe("away");
    const position = await hers.send({ text: "Hello" });
    await eventually(() => expect(heard).toEqual([[ann.user?.id, "Hello"]]));
    const page = await his.history({ limit: 10 });
    expect(page).toMatchObject({ messages: [{ data: { text: "Hello" }, position }], more: false });
    await his.update({ status: "online", info: { colour: "teal" } });
    await eventually(() =>
      expect(hers.members.find(({ id }) => id === bob.user?.id)).toMatchObject({
        status: "online",
        info: { colour: "teal" },
      }),
    );
    his.leave();
    await eventually(() => expect(hers.members.map(({ id }) => id)).toEqual([ann.user?.id]));
  });

  it("refuse what their schema does not allow, and say where", async () => {
    const client = await open();
    const room = client.room("chat-harbour");
    await expect(room.send({ text: "before joining" })).rejects.toBeInstanceOf(ClientClosed);
    await room.join();
    const refused = await room.send({ text: "" }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RequestRefused);
    expect(refused).toMatchObject({ code: "invalid_data", pointer: "/data/text", keyword: "minLength" });
  });
});

describe("rows", () => {
  it("are created, read, changed and deleted, and a live query follows", async () => {
    const [reader, writer] = [await open(), await open(administrator())];
    expect(writer.user).toMatchObject({ id: "admin", roles: ["admin"], anonymous: false });
    const live = resource(reader, "users").subscribe({ filters: { status: "active" } });
    const changes: unknown[] = [];
    live.on("update", ({ action, cause }) => changes.push(cause && cause !== action ? `${action} (${cause})` : action));
    await eventually(() => expect(live.rows.map(({ name }) => name)).toContain("Noor Haddad"));
    const seeded = live.rows.length;
    const users = resource(writer, "users");
    const ann = await users.create({ name: "Ann", email: "ann@example.org" });
    await eventually(() => expect(live.rows).toContainEqual(ann));
    await users.update(ann.id, { name: "Anne" }, { expect: { name: "Ann" } });
    await expect(users.update(ann.id, { name: "x" }, { expect: { name: "Ann" } })).rejects.toMatchObject({
      code: "conflict",
    });
    await users.update(ann.id, { status: "inactive" });
    await eventually(() => expect(live.rows).toHaveLength(seeded));
    expect(await users.get(ann.id)).toMatchObject({ name: "Anne", status: "inactive" });
    await users.delete(ann.id);
    expect(await users.get(ann.id)).toBeUndefined();
    expect(changes).toEqual(["reset", "create", "update", "delete (update)"]);
    const page = await users.page({ sort: [{ field: "name" }], limit: 2 });
    expect(page.rows.map(({ name }) => name)).toEqual(["Ines Carvalho", "Marit Sandvik"]);
    expect(page.total).toBe(6);
  });

  it("are refused with the place where they are wrong", async () => {
    const tasks = resource(await open(), "tasks");
    await expect(tasks.create({ user_id: 1, title: "x", priority: 6 })).rejects.toMatchObject({
      code: "invalid_data",
      pointer: "/data/priority",
      keyword: "maximum",
    });
    await expect(tasks.delete(999)).rejects.toMatchObject({ code: "not_found", retryable: false });
  });
});

describe("optimistic writes", () => {
  it("end as the rows that `list` gives, and each is shown at every moment until then", async () => {
    const WebSocketClass = WebSocket as unknown as SocketConstructor;
    const client = optimistic(connect<App>(gateway.url, { WebSocket: WebSocketClass, resources: RESOURCES }));
    clients.push(client);
    const tasks = resource(client, "tasks");
    const asked = { filters: { done: false, user_id: 1 }, sort: ["-priority", "title"], limit: 50 } as const;
    const live = tasks.subscribe(asked);
    await live.loaded();
    const before = live.rows.length;
    const counts = new Set<number>();
    live.on("change", (rows) => counts.add(rows.length));
    const titles = Array.from({ length: 5 }, (_, at) => `Written at once ${at}`);
    const made = titles.map((title) => tasks.create({ user_id: 1, title }));
    const many = tasks.createMany([
      { user_id: 1, title: "One of two", due_at: "2026-12-01T10:00:00+02:00" },
      { user_id: 1, title: "Two of two" },
    ]);
    expect(live.rows).toHaveLength(before + 7);
    const wrong = tasks.create({ user_id: 123_456, title: "Of a user who is not there" });
    await expect(wrong).rejects.toMatchObject({ code: "conflict" });
    const rows = await Promise.all(made);
    const [first, second] = rows as [(typeof rows)[0], (typeof rows)[0]];
    void tasks.update(first.id, { title: "Changed twice" });
    const changed = tasks.update(first.id, { priority: 1 });
    const deleted = tasks.delete(second.id);
    expect(live.rows.map(({ title }) => title)).toContain("Changed twice");
    expect(live.rows).toHaveLength(before + 6);
    await Promise.all([many, changed, deleted]);
    const listed = await tasks.list(asked as never);
    await eventually(() => expect(live.rows).toEqual(listed));
    expect([...counts].sort((a, b) => a - b)).toEqual([before + 6, before + 7]);
  });
});

describe("a token that is not good", () => {
  it("ends the client with the reason", async () => {
    const client = connect<App>(gateway.url, {
      WebSocket: WebSocket as unknown as SocketConstructor,
      token: "not.a.token",
    });
    clients.push(client);
    await until(client, "closed");
    await expect(client.request({ type: "ping" })).rejects.toMatchObject({ closeCode: 4001, retryable: false });
  });
});

describe("a gateway that is killed", () => {
  it("costs nothing: identity, rooms, rows and requests under way go on", async () => {
    const client = await open();
    const me = client.user;
    const room = client.room("lobby");
    const heard: unknown[] = [];
    room.on("message", ({ data }) => heard.push(data));
    await room.join();
    const live = resource(client, "tasks").subscribe({ filters: { done: false } });
    await eventually(() => expect(live.ready).toBe(true));
    const titles = () => live.rows.map(({ title }) => title);
    const resets = vi.fn();
    live.on("update", ({ action }) => action === "reset" && resets());
    await resource(client, "tasks").update(2, { priority: 4 });

    await gateway.stop("SIGKILL");
    await until(client, "reconnecting");
    gateway.sql("insert into tasks (user_id, title) values (1, 'Written meanwhile')");
    gateway.sql("update tasks set done = 1 where id = 3");
    const created = resource(client, "tasks").create({ user_id: 1, title: "Asked for meanwhile" });
    const said = room.send("Said meanwhile");
    await gateway.start();

    expect(await created).toMatchObject({ title: "Asked for meanwhile" });
    await said;
    expect(client.user).toEqual(me);
    await eventually(() => {
      expect(titles()).toEqual(expect.arrayContaining(["Written meanwhile", "Asked for meanwhile"]));
      expect(titles()).not.toContain("Order two mooring buoys");
      expect(heard).toEqual(["Said meanwhile"]);
    });
    expect(resets, "the rows went on from their position").not.toHaveBeenCalled();
    const rows = await resource(client, "tasks").list({ filters: { done: false } });
    expect([...live.rows].sort((a, b) => a.id - b.id)).toEqual(rows.sort((a, b) => a.id - b.id));
  });
});
