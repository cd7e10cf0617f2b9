// Answers in parts: what the program does with them. What the gateway does is in tests/clients/scenarios/messages.json.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type AppContract, type Client, type Parts, RequestRefused } from "../src/index.js";
import { type Line, Scripted, turn } from "./support/scripted.js";

interface Counting extends AppContract {
  clientMessages: { count: { type: "count"; ref?: string | number } };
  replies: { count: { type: "counted"; total: number } };
  partData: { count: number };
}

let client: Client<Counting>;
let line: Line;

beforeEach(async () => {
  vi.useFakeTimers();
  const opened = await new Scripted().open();
  client = opened.client as unknown as Client<Counting>;
  line = opened.line;
});

afterEach(() => {
  vi.useRealTimers();
});

async function started(signal?: AbortSignal): Promise<Parts<number, { type: "counted"; total: number }>> {
  const parts = client.stream({ type: "count" }, { signal });
  await turn();
  return parts;
}

it("a signal cancels the stream, the iteration and the reply, once", async () => {
  const controller = new AbortController();
  const parts = await started(controller.signal);
  const asked = line.take("count");
  line.reply(asked, "part", { data: 1 });
  const found: number[] = [];
  const iterating = (async () => {
    for await (const part of parts) found.push(part);
  })();
  await turn();
  controller.abort();
  await expect(iterating).rejects.toMatchObject({ name: "TidegateError", code: "cancelled", retryable: false });
  await expect(parts.reply).rejects.toMatchObject({ code: "cancelled" });
  parts.cancel();
  expect(line.take("cancel").ref).toBe(asked.ref);
  expect([found, line.unread]).toEqual([[1], []]);
});

it("a signal that is aborted before asks for nothing that is not cancelled", async () => {
  const parts = await started(AbortSignal.abort());
  expect([line.take("count").ref]).toEqual([line.take("cancel").ref]);
  await expect(parts.reply).rejects.toMatchObject({ code: "cancelled" });
});

it("a program that reads nothing keeps a limited number of parts", async () => {
  const parts = await started();
  const asked = line.take("count");
  for (let n = 0; n <= 10_000; n++) line.reply(asked, "part", { data: n });
  line.take("cancel");
  await expect(parts.reply).rejects.toMatchObject({ code: "overflow" });
});

it("the reply can be waited for without the parts, and an end of the client ends it", async () => {
  const first = await started();
  line.reply(line.take("count"), "counted", { total: 0 });
  expect(await first.reply).toMatchObject({ total: 0 });
  const second = await started();
  client.close();
  await expect(second.reply).rejects.toMatchObject({ name: "ClientClosed" });
});

it("an error of a request says which data it has", async () => {
  const asked = client.request({ type: "count" }).catch((error: unknown) => error);
  await turn();
  line.refuse(line.take("count"), "app:sold_out", { data: { left: 0 } });
  const error = await asked;
  expect(client.isRefusal(error, "count")).toBe(true);
  expect((error as RequestRefused).data).toEqual({ left: 0 });
  expect(client.isRefusal(new Error(), "count")).toBe(false);
  expect(error).toBeInstanceOf(RequestRefused);
});
