// Answers in parts of the real gateway: parts and the reply, errors, early ends, and a connection that breaks meanwhile.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import WebSocket from "ws";
import {
  type AppContract,
  type Client,
  ConnectionLost,
  connect,
  type Parts,
  RequestRefused,
  type SocketConstructor,
} from "../src/index.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";

type Counted = { type: "counted"; total: number; closed: number };

interface Counting extends AppContract {
  clientMessages: { count: { type: "count"; ref?: string | number; to: number; how?: "ends" | "waits" | "fails" } };
  replies: { count: Counted };
  partData: { count: { n: number } };
  refusals: { count: { "app:too_far": { most: number } } };
}

const HANDLERS = `import asyncio
from collections.abc import AsyncIterator

from tidegate.handlers import Call, Gateway, Refused

gateway = Gateway()
closed = 0


@gateway.on("count")
async def count(request: dict, call: Call) -> AsyncIterator[dict]:
    global closed
    if request["to"] > 9:
        raise Refused("too_far", "that is too far", pointer="/to", data={"most": 9})
    how = request.get("how", "ends")
    try:
        for n in range(request["to"]):
            yield {"n": n + 1}
        if how == "waits":
            await asyncio.Event().wait()
        if how == "fails":
            raise ValueError("as the test wants it")
        yield {"type": "counted", "total": request["to"], "closed": closed}
    finally:
        closed += how == "waits"
`;

const gateway = new Gateway(["--schema", "schema", "--handlers", "counting:gateway"]);
const clients: Client<Counting>[] = [];

beforeAll(async () => {
  const integer = { type: "integer" };
  const closed = { type: "object", additionalProperties: false };
  const ref = { $ref: "../types/ref.schema.json" };
  const count = {
    ...closed,
    title: "CountRequest",
    "x-access": { send: "anyone" },
    "x-reply": "counted",
    "x-part": { ...closed, properties: { n: integer }, required: ["n"] },
    "x-refusals": { too_far: { ...closed, properties: { most: integer }, required: ["most"] } },
    properties: { type: { const: "count" }, ref, to: integer, how: { enum: ["ends", "waits", "fails"] } },
    required: ["type", "to"],
  };
  const counted = {
    ...closed,
    title: "Counted",
    properties: { type: { const: "counted" }, ref, total: integer, closed: integer },
    required: ["type", "total", "closed"],
  };
  for (const [name, content] of Object.entries({ "client/count": count, "server/counted": counted })) {
    mkdirSync(join(gateway.folder, "schema", name, ".."), { recursive: true });
    writeFileSync(join(gateway.folder, "schema", `${name}.schema.json`), JSON.stringify(content));
  }
  writeFileSync(join(gateway.folder, "counting.py"), HANDLERS);
  gateway.run("migrate", "--schema", "schema");
  await gateway.start();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await gateway.remove();
});

async function open(): Promise<Client<Counting>> {
  const client = connect<Counting>(gateway.url, { WebSocket: WebSocket as unknown as SocketConstructor });
  clients.push(client);
  await eventually(() => expect(client.status).toBe("open"));
  return client;
}

async function read(parts: Parts<{ n: number }, Counted>): Promise<number[]> {
  const found: number[] = [];
  for await (const { n } of parts) found.push(n);
  return found;
}

/** How many handlers that wait were closed. */
async function closed(client: Client<Counting>): Promise<number> {
  return (await client.stream({ type: "count", to: 0 }).reply).closed;
}

it("the parts come in order, and the reply after them", async () => {
  const parts = (await open()).stream({ type: "count", to: 5 });
  expect(await read(parts)).toEqual([1, 2, 3, 4, 5]);
  expect(await parts.reply).toMatchObject({ type: "counted", total: 5 });
});

it("several streams of a connection do not mix", async () => {
  const client = await open();
  const several = [3, 1, 2].map((to) => client.stream({ type: "count", to }));
  expect(await Promise.all(several.map(read))).toEqual([[1, 2, 3], [1], [1, 2]]);
});

it("an error of the application has its data, and one of the handler comes after the parts", async () => {
  const client = await open();
  const far = client.stream({ type: "count", to: 10 });
  const refused: unknown = await read(far).catch((error: unknown) => error);
  expect(client.isRefusal(refused, "count")).toBe(true);
  expect(refused).toMatchObject({ code: "app:too_far", pointer: "/to", data: { most: 9 } });
  await expect(far.reply).rejects.toBe(refused);

  const found: number[] = [];
  const failing = client.stream({ type: "count", to: 2, how: "fails" });
  const reading = (async () => {
    for await (const { n } of failing) found.push(n);
  })();
  await expect(reading).rejects.toBeInstanceOf(RequestRefused);
  await expect(failing.reply).rejects.toMatchObject({ code: "internal" });
  expect(found).toEqual([1, 2]);
});

it("leaving the loop, cancel and a signal close the handler", async () => {
  const client = await open();
  const before = await closed(client);
  const controller = new AbortController();
  for await (const { n } of client.stream({ type: "count", to: 1, how: "waits" })) {
    expect(n).toBe(1);
    break;
  }
  const cancelled = client.stream({ type: "count", to: 0, how: "waits" });
  cancelled.cancel();
  await expect(cancelled.reply).rejects.toMatchObject({ code: "cancelled" });
  const aborted = client.stream({ type: "count", to: 1, how: "waits" }, { signal: controller.signal });
  const reading = (async () => {
    for await (const _ of aborted) controller.abort();
  })();
  await expect(reading).rejects.toMatchObject({ code: "cancelled" });
  // `cancel` may arrive before its handler has begun; then there is nothing to close.
  await eventually(async () => expect(await closed(client)).toBeGreaterThanOrEqual(before + 2));
});

it("a stream ends with its connection, and the next one runs on the new connection", async () => {
  const client = await open();
  const broken = client.stream({ type: "count", to: 1, how: "waits" });
  const iteration = broken[Symbol.asyncIterator]();
  expect(await iteration.next()).toEqual({ done: false, value: { n: 1 } });
  await gateway.stop("SIGKILL");
  await expect(iteration.next()).rejects.toBeInstanceOf(ConnectionLost);
  await expect(broken.reply).rejects.toBeInstanceOf(ConnectionLost);
  await gateway.start();
  await eventually(() => expect(client.status).toBe("open"));
  expect(await read(client.stream({ type: "count", to: 3 }))).toEqual([1, 2, 3]);
});
