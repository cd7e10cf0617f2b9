// Errors: each code of the schema is one RequestRefused that says whether to try again.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as tidegate from "../src/index.js";
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
