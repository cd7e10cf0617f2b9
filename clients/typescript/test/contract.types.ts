// What the compiler must refuse, and what it must not. Nothing here runs: `tsc` reads it in `npm run check` and in
// documents.test.ts; an expected error that is none is an error itself.

import type { App, ChatMessage, CursorPosition, Task, User } from "../../../generated/typescript/app.js";
import { type AppContract, type Client, connect, type LiveQuery, type Principal, resource } from "../src/index.js";
import {
  useClient,
  useLiveQuery,
  useMutation,
  useOthers,
  useRequest,
  useRoom,
  useRow,
  useWebSocket,
} from "../src/react/index.js";

import { fakeGateway } from "../src/testing/index.js";

declare module "../src/index.js" {
  interface Register {
    app: App & {
      clientMessages: { vote: { type: "vote"; choice: number; ref?: string | number } };
      serverMessages: { score: { type: "score"; points: number } };
      replies: { vote: { type: "voted"; count: number } };
    };
  }
}

declare const client: Client<App>;
declare const untyped: Client;

export async function resources(): Promise<void> {
  const users = resource(client, "users");
  const row: User | undefined = await users.get(1);
  const rows: User[] = await users.list({ filters: { status: "active" }, sort: [{ field: "name" }] });
  const created: User = await users.create({ name: "Ann", email: "ann@example.org", password: "long enough" });
  const live: LiveQuery<Task> = resource(client, "tasks").subscribe({ filters: { done: false } });
  const titles: string[] = live.rows.map(({ title }) => title);
  live.on("change", (tasks) => tasks[0]?.title.length);
  live.on("update", ({ action }) => action === "reset");
  await resource(client, "tasks").update(1, { notes: null }, { expect: { done: false } });
  await users.list({
    filters: { name: { startswith: "A" }, or: [{ id: { in: [1, 2] } }, { status: { ne: "active" } }] },
  });
  resource(client, "tasks").subscribe({ filters: { tags: { ina: ["urgent"] }, due_at: { null: true } } });

  // @ts-expect-error: there is no such resource
  resource(client, "user");
  // @ts-expect-error: there is no such property
  await users.list({ filters: { staet: "active" } });
  // @ts-expect-error: the property has no such value
  await users.list({ filters: { status: "atcive" } });
  // @ts-expect-error: there is no such operator
  await users.list({ filters: { status: { eqq: "active" } } });
  // @ts-expect-error: the property has no such value
  await users.list({ filters: { or: [{ status: { in: ["atcive"] } }] } });
  // @ts-expect-error: a number has no letters
  users.subscribe({ filters: { id: { contains: "1" } } });
  // @ts-expect-error: what is write-only cannot be filtered by
  await users.list({ filters: { password: "x" } });
  // @ts-expect-error: there is no such property
  users.subscribe({ filters: { nmae: "Ann" } });
  // @ts-expect-error: the email is missing
  await users.create({ name: "Ann" });
  // @ts-expect-error: the database gives the id
  await users.create({ id: 1, name: "Ann", email: "ann@example.org" });
  // @ts-expect-error: read-only
  await users.update(1, { created_at: "2026-01-01T00:00:00Z" });
  // @ts-expect-error: the key is a number
  await users.get("1");
  // @ts-expect-error: what is write-only is never sent
  created.password;
  // @ts-expect-error: no such event
  live.on("changed", () => {});
  // @ts-expect-error: rows are changed through the gateway
  live.rows.push(titles);
  return void [row, rows];
}

export async function rooms(): Promise<void> {
  const chat = client.room("chat-harbour");
  const name = "chat-harbour" as `chat-${string}`;
  const said: ChatMessage = { text: "Hello" };
  await chat.send(said);
  await client.room(name).send({ text: "Hello" });
  chat.on("message", ({ data, sender }) => `${sender.name}: ${data.text}`);
  client.room("cursor-map").on("message", ({ data }) => data.x + data.y);
  await client.room("users").send(["anything", 7]);

  // @ts-expect-error: not what is said there
  await chat.send({ txt: "Hello" });
  // @ts-expect-error: that is said in other rooms
  await chat.send({ x: 0, y: 0 } satisfies CursorPosition);
  // @ts-expect-error: y is missing
  await client.room("cursor-map").send({ x: 0 });
  // @ts-expect-error: a message of this room has no such property
  chat.on("message", ({ data }) => data.x);
  // @ts-expect-error: there is no status "busy"
  await chat.join({ status: "busy" });
}

export async function requests(): Promise<void> {
  const time: number = (await client.request({ type: "ping" })).time;
  const user: Principal = (await client.request({ type: "authenticate", token: "a.b.c" })).user;
  client.on("welcome", ({ heartbeat }) => heartbeat + time);
  client.on("status", ({ status }) => status === "open" && user.name);

  // @ts-expect-error: there is no such request
  await client.request({ type: "pong" });
  // @ts-expect-error: the room is missing
  await client.request({ type: "join" });
  // @ts-expect-error: a `joined` has no rows
  (await client.request({ type: "join", room: "a" })).rows;
  // @ts-expect-error: there is no such push
  client.on("welcom", () => {});
  // @ts-expect-error: the status is none of these
  client.on("status", ({ status }) => status === "opened");
  // @ts-expect-error: a number is no token
  connect("ws://localhost/ws", { token: 7 });
}

interface Own extends AppContract {
  resources: object;
  rooms: { lobby: string };
  clientMessages: {
    pay: { type: "pay"; amount: number; ref?: string | number };
    open: { type: "open"; door: string; ref?: string | number; [property: string]: unknown };
    draw:
      | { type: "draw"; shape: "circle"; radius: number; ref?: string | number }
      | { type: "draw"; shape: "square"; side: number; ref?: string | number };
  };
  serverMessages: { score: { type: "score"; points: number } };
  replies: {
    pay: { type: "paid"; receipt: string };
    open: { type: "opened" };
    draw: { type: "drawn" };
  };
}

export async function ownMessages(own: Client<Own>): Promise<void> {
  const receipt: string = (await own.request({ type: "pay", amount: 3 })).receipt;
  own.send({ type: "pay", amount: 3 });
  own.on("score", ({ points }) => points + receipt.length);
  const time: number = (await own.request({ type: "ping" })).time;

  await own.request({ type: "open", door: "north", colour: "red" });
  await own.request({ type: "draw", shape: "circle", radius: 3 });
  own.send({ type: "open", door: "north", colour: "red" });

  // @ts-expect-error: how much?
  await own.request({ type: "pay" });
  // @ts-expect-error: which door?
  await own.request({ type: "open", colour: "red" });
  // @ts-expect-error: a square has no radius
  await own.request({ type: "draw", shape: "square", radius: 3 });
  // @ts-expect-error: a score has no goals
  own.on("score", ({ goals }) => goals + time);
  // @ts-expect-error: no pattern covers this room
  await own.room("hall").send("text");
}

export async function withoutContract(): Promise<void> {
  const rows = await resource(untyped, "anything").list({ filters: { whatever: 1 } });
  const name: string = rows[0]?.name;
  await untyped.room("any").send({ at: name });
  await resource(untyped, "memberships").delete({ user_id: 1, team: "a" });
}

export function Hook(): string {
  const { data, subscribe } = useWebSocket<App, "users">("ws://localhost/ws");
  subscribe("users", { status: "active" });
  // @ts-expect-error: there is no such property
  subscribe("users", { staet: "active" });
  subscribe("users", { name: { contains: "a" }, or: [{ id: 1 }, { status: "inactive" }] });
  // @ts-expect-error: there is no such operator
  subscribe("users", { name: { contain: "a" } });
  // @ts-expect-error: this component is about users
  subscribe("tasks");
  // @ts-expect-error: users have no title
  data[0]?.title;
  return data.map((user) => user.name).join();
}

export function HookOfRoomsAndMessages(): void {
  const { send, join, messages, client } = useWebSocket<Own & App, "users", "chat-1">("ws://localhost/ws");
  send({ type: "message", room: "chat-1", data: { text: "Hello" } });
  send({ type: "create", resource: "tasks", data: { user_id: 1, title: "One" } });
  send({ type: "update", resource: "tasks", id: 1, data: { done: true } });
  send({ type: "list", resource: "users", filters: { status: "active" } });
  send({ type: "join", room: "users" });
  send({ type: "pay", amount: 3 });
  const text: string | undefined = messages[0]?.data.text;
  client?.on("score", ({ points }) => points + (text?.length ?? 0));
  const end: () => void = join("chat-1", { status: "away" });

  // @ts-expect-error: not what is said there
  send({ type: "message", room: "chat-1", data: { txt: 1 } });
  // @ts-expect-error: there is no such resource
  send({ type: "create", resource: "taskz", data: { title: "One" } });
  // @ts-expect-error: the title is missing
  send({ type: "create", resource: "tasks", data: { user_id: 1 } });
  // @ts-expect-error: there is no such property
  send({ type: "list", resource: "users", filters: { staet: "active" } });
  // @ts-expect-error: how much?
  send({ type: "pay" });
  // @ts-expect-error: this component is in another room
  join("chat-2");
  // @ts-expect-error: there is no such push
  client?.on("scores", () => {});
  end();
}

export function Hooks(): unknown {
  const { rows, status } = useLiveQuery("tasks", { filters: { done: false }, sort: ["-priority", "title"], limit: 10 });
  const title: string | undefined = rows[0]?.title;
  const { row } = useRow("users", 7);
  const email: string | undefined = row?.email;
  const chat = useRoom("chat-1", { onMessage: ({ data }) => data.text });
  chat.send({ text: chat.messages[0]?.data.text ?? "" });
  const tasks = useMutation("tasks");
  tasks
    .create({ user_id: 1, title: "One" })
    .then(({ id }) => tasks.update(id, { done: true }, { expect: { done: false } }));
  const vote = useRequest("vote");
  vote.call({ choice: 1 }).then(({ count }) => count);
  useRequest("ping").call();
  const count: number = useOthers("chat-1", (others) => others.length);
  useClient().on("score", ({ points }) => points);
  useLiveQuery("users", count > 1 ? "skip" : { filters: { name: { startswith: "A" } } });
  useRoom(email ? "cursor-1" : null);

  // @ts-expect-error: there is no such resource
  useLiveQuery("taskz");
  // @ts-expect-error: there is no such property
  useLiveQuery("tasks", { filters: { doen: false } });
  // @ts-expect-error: there is no such property to sort by
  useLiveQuery("tasks", { sort: ["-prio"] });
  // @ts-expect-error: there is no such property to sort by
  useLiveQuery("tasks", { sort: [{ field: "prio" }] });
  // @ts-expect-error: there is no such status
  status === "ready";
  // @ts-expect-error: the key is a number
  useRow("users", "7");
  // @ts-expect-error: not what is said there
  chat.send({ txt: "Hello" });
  // @ts-expect-error: a message of this room has no such property
  chat.messages[0]?.data.x;
  // @ts-expect-error: that is said in other rooms
  useRoom("cursor-1").send({ text: "Hello" });
  // @ts-expect-error: the title is missing
  tasks.create({ user_id: 1 });
  // @ts-expect-error: read-only
  tasks.update(1, { id: 2 });
  // @ts-expect-error: there is no such message
  useRequest("votes");
  // @ts-expect-error: the choice is missing
  vote.call({});
  // @ts-expect-error: the choice is missing
  vote.call();
  // @ts-expect-error: the reply has no such property
  vote.reply?.total;
  // @ts-expect-error: there is no such push
  useClient().on("scored", () => {});
  return [title, email];
}

interface Shop extends AppContract {
  resources: Record<never, never>;
  rooms: Record<never, never>;
  clientMessages: {
    buy: { type: "buy"; amount: number; ref?: string | number };
    count: { type: "count"; ref?: string | number };
  };
  replies: { buy: { type: "bought" }; count: { type: "counted"; total: number } };
  partData: { count: { n: number } };
  refusalData: { buy: { sold_out: { left: number }; closed: { day: string } } };
}

export async function ownErrorsAndParts(shop: Client<Shop>): Promise<void> {
  try {
    await shop.request({ type: "buy", amount: 1 });
  } catch (error) {
    if (!shop.isRefusal(error, "buy")) throw error;
    error.retryable.valueOf();
    if (error.code === "app:sold_out") error.data.left.toFixed();
    else if (error.code === "app:closed") error.data.day.trim();
    // @ts-expect-error: the application has no such error
    else if (error.code === "app:late") throw error;
    // @ts-expect-error: an error of the protocol has no data
    else error.data.left;
    // @ts-expect-error: these are the data of another error
    if (error.code === "app:closed") error.data.left;
  }
  const stream = shop.stream({ type: "count" }, { signal: new AbortController().signal });
  for await (const part of stream) part.n.toFixed();
  (await stream.reply).total.toFixed();
  // @ts-expect-error: the answer to this message has no parts
  shop.stream({ type: "buy", amount: 1 });
}

interface Desk extends App {
  clientMessages: App["clientMessages"] & {
    buy: { type: "buy"; amount: number; ref?: string | number };
    note: { type: "note"; text: string; ref?: string | number };
    watch: { type: "watch"; ref?: string | number };
  };
  replies: App["replies"] & {
    buy: { type: "bought"; left: number };
    note: { type: "ok" };
    watch: { type: "watched"; last: number };
  };
  partData: App["partData"] & { watch: { price: number } };
}

export function fakes(): void {
  const fake = fakeGateway<Desk>({ rows: { users: [{ name: "Ann" }] } });
  fake.on("buy", ({ amount }) => ({ left: 10 - amount }));
  fake.on("buy", async () => ({ left: 1 }));
  fake.on("note", () => undefined);
  fake.on("watch", async function* () {
    yield { price: 5 };
    return { last: 5 };
  });
  fake.on("get", () => ({ rows: [], position: { epoch: "e", seq: 1 } }));
  fake.rows("users").update(1, { name: "Anna" });
  fake.room("chat-1").say({ text: "Hello" });

  // @ts-expect-error: the reply has no such value
  fake.on("buy", () => ({ left: "1" }));
  // @ts-expect-error: the reply lacks a property
  fake.on("buy", () => ({}));
  // @ts-expect-error: the message is only acknowledged
  fake.on("note", () => ({ text: "Hello" }));
  // @ts-expect-error: there are no parts before this reply
  fake.on("buy", async function* () {
    yield 1;
    return { left: 1 };
  });
  // @ts-expect-error: a part has no such property
  fake.on("watch", async function* () {
    yield { prize: 5 };
    return { last: 5 };
  });
  // @ts-expect-error: there is no such property
  fake.rows("users").update(1, { nmae: "Anna" });
  // @ts-expect-error: a key is a number
  fake.rows("users").delete("1");
  // @ts-expect-error: there is no such property
  fake.room("chat-1").say({ txt: "Hello" });
  // @ts-expect-error: there is no such property
  fakeGateway<Desk>({ rows: { users: [{ nmae: "Ann" }] } });
}
