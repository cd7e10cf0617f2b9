// Errors: each code of the schema is one RequestRefused that says whether to try again.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as tidegate from "../src/index.js";
import { portOf } from "../src/part.js";
import { CLOSES, ERRORS } from "../src/protocol/index.js";
import { ended, Scripted, turn } from "./support/scripted.js";

interface Row {
  meaning: string;
  temporary: boolean;
  action: string;
}

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const table: Record<string, Row> = JSON.parse(read("schema/types/error_code.schema.json"))["x-errors"];
const closes: Record<string, { reconnect: string }> = JSON.parse(read("schema/types/close_code.schema.json"))[
  "x-closes"
];

let gateway: Scripted;

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
});

it("has the schema's tables", () => {
  expect(CLOSES).toEqual(closes);
  expect(ERRORS).toEqual(table);
  expect(Object.keys(table).length).toBeGreaterThan(10);
});

describe.each(Object.entries(table))("%s", (code, { temporary }) => {
  it(`is ${temporary ? "" : "not "}retryable`, async () => {
    const { client, line } = await gateway.open();
    const asked = client.request({ type: "ping" });
    line.refuse(line.take("ping"), code, { temporary });
    const error = await ended<unknown>(asked);
    expect(error).toBeInstanceOf(tidegate.RequestRefused);
    expect(error).toMatchObject({ code, retryable: temporary });
    expect(client.status).toBe("open");
  });
});

const ours = Object.entries(closes).filter(([code]) => Number(code) >= 4000);

describe.each(ours)("close code %s", (code, { reconnect }) => {
  it(`is ${reconnect === "never" ? "the end" : "not the end"} when the gateway closes with it`, async () => {
    const { client, line } = await gateway.open();
    line.end(Number(code));
    expect(client.status).toBe(reconnect === "never" ? "closed" : "reconnecting");
    if (reconnect !== "never") return;
    const error = await ended<unknown>(client.request({ type: "ping" }));
    expect(error).toBeInstanceOf(tidegate.ConnectionRefused);
    expect(error).toMatchObject({ closeCode: Number(code), retryable: false });
  });
});

it("answers `retryable` and a code for what the client itself finds", async () => {
  const { client, line } = await gateway.open({ requestTimeout: 5 });
  const late = client.request({ type: "ping" });
  late.catch(() => {});
  await vi.advanceTimersByTimeAsync(5_000);
  const lost = client.request({ type: "join", room: "a" });
  await turn();
  line.end();
  client.close();
  const closed = client.request({ type: "ping" });
  const errors = await Promise.all([late, lost, closed].map((promise) => ended<unknown>(promise)));
  expect(errors.map((error) => error)).toMatchObject([
    { name: "RequestTimeout", code: "timeout", retryable: true },
    { name: "ConnectionLost", code: "connection_lost", retryable: true },
    { name: "ClientClosed", code: "closed", retryable: false },
  ]);
});

describe("the fields of a refusal", () => {
  const said: Record<string, [error: object, fields: Record<string, string[]>]> = {
    "one violation": [{ pointer: "/data/name", message: "too short" }, { name: ["too short"] }],
    "several violations": [
      {
        message: "too short",
        pointer: "/data/name",
        errors: [
          { pointer: "/data/name", keyword: "minLength", message: "too short" },
          { pointer: "/data/name", keyword: "pattern", message: "no capital" },
          { pointer: "/data/address/city", keyword: "type", message: "must be string" },
          { pointer: "/key", keyword: "maxLength", message: "too long" },
        ],
      },
      { name: ["too short", "no capital"], address: ["must be string"] },
    ],
    "a missing property": [
      { pointer: "/data", message: 'lacks the property "email", which "name" requires' },
      { email: ['lacks the property "email", which "name" requires'] },
    ],
    "one of several rows": [{ pointer: "/data/3/name", message: "too short" }, { name: ["too short"] }],
    "a property with a slash and a tilde": [{ pointer: "/data/a~1b~01", message: "no" }, { "a/b~1": ["no"] }],
    "a property that every object has": [{ pointer: "/data/constructor", message: "no" }, { constructor: ["no"] }],
    "a fault elsewhere": [{ pointer: "/filters/name", message: "no" }, {}],
    "no pointer": [{ message: "no" }, {}],
  };

  it.each(Object.keys(said))("%s", async (name) => {
    const [error, fields] = said[name] as (typeof said)[string];
    const { client, line } = await gateway.open();
    const asked = client.request({ type: "create", resource: "users", data: {} });
    line.refuse(line.take("create"), "invalid_data", error);
    const refused = (await ended<unknown>(asked)) as tidegate.RequestRefused;
    expect(Object.entries(refused.fields)).toEqual(Object.entries(fields));
  });
});

describe("an exception", () => {
  it("of a listener, or within an ability, stops nothing else and is reported", async () => {
    const thrown: (() => void)[] = [];
    const client = gateway.connect();
    await turn();
    const fails = () => {
      throw new Error("a defect");
    };
    portOf(client).parts.set("mine", { opened: fails, pushed: fails, closed: fails });
    client.on("status", fails);
    const heard = vi.fn();
    client.on("status", heard);
    client.room("a").join();
    const asked = client.ping();
    const { queueMicrotask } = globalThis;
    vi.stubGlobal("queueMicrotask", (work: () => void) => thrown.push(work));
    const line = gateway.line.welcome();
    line.join("a");
    line.reply(line.take("ping"), "pong", { time: 5 });
    vi.stubGlobal("queueMicrotask", queueMicrotask);
    expect(await ended(asked)).toBe(5);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(thrown).toHaveLength(3);
    expect(thrown[0]).toThrow("a defect");
    vi.unstubAllGlobals();
  });

  it("is none where a function listens twice: it hears twice, and each stop ends one", async () => {
    const { client, line } = await gateway.open();
    const heard = vi.fn();
    const [first, second] = [client.on("heartbeat", heard), client.on("heartbeat", heard)];
    line.say("heartbeat", { time: 1 });
    expect(heard).toHaveBeenCalledTimes(2);
    first();
    first();
    line.say("heartbeat", { time: 2 });
    expect(heard).toHaveBeenCalledTimes(3);
    second();
    line.say("heartbeat", { time: 3 });
    expect(heard).toHaveBeenCalledTimes(3);
  });
});
