// When a handler of a collection is done, against a scripted gateway.

import { createCollection, createLiveQueryCollection } from "@tanstack/db";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { tidegateCollectionOptions } from "../../src/tanstack-db/index.js";
import { Scripted, turn } from "../support/scripted.js";

const RESOURCES = { notes: { key: ["id"], types: { id: "string", text: "string" } } } as const;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("a write is done with its reply where the user may write rows but not read them", async () => {
  const { client, line } = await new Scripted().open({ resources: RESOURCES });
  const notes = createCollection(tidegateCollectionOptions({ client, resource: "notes", syncMode: "on-demand" }));
  createLiveQueryCollection((query) => query.from({ notes }))
    .preload()
    .catch(() => {}); // refused below
  await turn();
  while (line.unread.length > 0) {
    line.refuse(line.take("subscribe"), "forbidden");
    await turn();
  }
  const written = notes.insert({ id: "a", text: "A" }).isPersisted.promise.then(() => "written");
  await turn();
  line.reply(line.take("create"), "rows", { rows: [], position: { epoch: "e", seq: 9 } });
  await vi.advanceTimersByTimeAsync(1000);
  expect(line.unread).toEqual([]);
  await expect(written).resolves.toBe("written");
});
