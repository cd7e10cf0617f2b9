// Reading and writing rows: what each method says, and what it makes of the answer.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AnyApp, type Resource, resource } from "../src/index.js";
import type { WireMessage } from "../src/wire.js";
import { type Line, Scripted } from "./support/scripted.js";

let line: Line;
let users: Resource<AnyApp, "users">;

beforeEach(async () => {
  vi.useFakeTimers();
  const opened = await new Scripted().open();
  line = opened.line;
  users = resource(opened.client, "users");
});

afterEach(() => {
  vi.useRealTimers();
});

/** What was asked, without what differs each time, and the answer given to it. */
function answer(type: string, rows: object[], fields: object = {}): Omit<WireMessage, "ref" | "key"> {
  const { ref, key, ...request } = line.take(type);
  line.reply({ type, ref: ref as string }, "rows", { rows, position: { epoch: "e", seq: 1 }, ...fields });
  expect(typeof key, "a write carries a key, a read does not").toBe(
    ["create", "update", "delete"].includes(type) ? "string" : "undefined",
  );
  return request;
}

const ANN = { id: 1, name: "Ann" };
const BOB = { id: 2, name: "Bob" };

describe("reads", () => {
  it("list", async () => {
    const asked = users.list({
      filters: { status: "active" },
      sort: [{ field: "name", order: "desc" }],
      limit: 2,
      offset: 4,
    });
    expect(answer("list", [ANN])).toEqual({
      type: "list",
      resource: "users",
      filters: { status: "active" },
      sort: [{ field: "name", order: "desc" }],
      limit: 2,
      offset: 4,
    });
    expect(await asked).toEqual([ANN]);
  });

  it("list, sorted by names of properties", () => {
    users.list({ sort: ["-name", "id"] });
    const sort = [
      { field: "name", order: "desc" },
      { field: "id", order: "asc" },
    ];
    expect(answer("list", [])).toEqual({ type: "list", resource: "users", sort });
  });

  it("get, with some properties only", () => {
    users.get(1, { fields: ["name"] });
    users.getMany([1], { fields: ["name"] });
    expect(answer("get", [])).toMatchObject({ id: 1, fields: ["name"] });
    expect(answer("get", [])).toMatchObject({ ids: [1], fields: ["name"] });
  });

  it("page, with how many there are", async () => {
    const asked = users.page({ limit: 1 });
    expect(answer("list", [ANN], { total: 7 })).toEqual({ type: "list", resource: "users", limit: 1, count: true });
    expect(await asked).toEqual({ rows: [ANN], total: 7 });
  });

  it("get, or nothing", async () => {
    const [there, missing] = [users.get(1), users.get(9)];
    expect(answer("get", [ANN])).toEqual({ type: "get", resource: "users", id: 1 });
    answer("get", []);
    expect([await there, await missing]).toEqual([ANN, undefined]);
  });

  it("get many", async () => {
    const asked = users.getMany([1, 9, 2]);
    expect(answer("get", [ANN, BOB])).toEqual({ type: "get", resource: "users", ids: [1, 9, 2] });
    expect(await asked).toEqual([ANN, BOB]);
  });
});

describe("writes", () => {
  it("create one, or several at once", async () => {
    const [one, several] = [users.create({ name: "Ann" }), users.createMany([{ name: "Ann" }, { name: "Bob" }])];
    expect(answer("create", [ANN])).toEqual({ type: "create", resource: "users", data: { name: "Ann" } });
    expect(answer("create", [ANN, BOB]).data).toEqual([{ name: "Ann" }, { name: "Bob" }]);
    expect([await one, await several]).toEqual([ANN, [ANN, BOB]]);
  });

  it("update, only while the row is as expected", async () => {
    const asked = users.update(1, { name: "Ann" }, { expect: { name: "Anne" } });
    expect(answer("update", [ANN])).toEqual({
      type: "update",
      resource: "users",
      id: 1,
      data: { name: "Ann" },
      if: { name: "Anne" },
    });
    expect(await asked).toEqual(ANN);
    users.update(1, { name: "Ann" });
    expect(answer("update", [ANN])).not.toHaveProperty("if");
  });

  it("delete, only while the row is as expected", async () => {
    const asked = users.delete(1, { expect: { name: "Ann" } });
    expect(answer("delete", [{ id: 1 }])).toEqual({ type: "delete", resource: "users", id: 1, if: { name: "Ann" } });
    expect(await asked).toBeUndefined();
    users.delete(1);
    expect(answer("delete", [{ id: 1 }])).not.toHaveProperty("if");
  });

  it("update and delete several rows in one message", async () => {
    const updated = users.updateMany([1, 2], { name: "x" }, { expect: { name: "y" } });
    const asked = { type: "update", resource: "users", ids: [1, 2], data: { name: "x" }, if: { name: "y" } };
    expect(answer("update", [ANN, BOB])).toEqual(asked);
    expect(await updated).toEqual([ANN, BOB]);
    const deleted = users.deleteMany([1, 2]);
    expect(answer("delete", [])).toEqual({ type: "delete", resource: "users", ids: [1, 2] });
    expect(await deleted).toBeUndefined();
  });

  it("carry the program's idempotency key", () => {
    users.create(ANN, { key: "k1" });
    users.delete(1, { key: "k2" });
    expect([line.take("create").key, line.take("delete").key]).toEqual(["k1", "k2"]);
  });

  it("carry one idempotency key each", () => {
    users.create(ANN);
    users.create(ANN);
    expect(line.take("create").key).not.toBe(line.take("create").key);
  });
});

describe("options that do not exist", () => {
  it("of reads and writes reach the gateway, which refuses them", async () => {
    void users.get(1, { field: ["name"] } as never);
    expect(answer("get", [ANN])).toMatchObject({ field: ["name"] });
    void users.list({ filter: { id: 1 } } as never);
    expect(answer("list", [ANN])).toMatchObject({ filter: { id: 1 } });
    void users.update(1, { name: "Anna" }, { expected: { name: "Ann" } } as never);
    expect(answer("update", [ANN])).toMatchObject({ id: 1, data: { name: "Anna" }, expected: { name: "Ann" } });
    void users.delete(1, { if: { name: "Ann" } } as never);
    expect(answer("delete", [ANN])).toMatchObject({ id: 1, if: { name: "Ann" } });
    void users.get(1, { id: 2 } as never);
    expect(answer("get", [ANN])).toMatchObject({ id: 1 });
  });

  it("of live queries are refused at once", () => {
    expect(() => users.subscribe({ filter: { id: 1 } } as never)).toThrow('there is no option "filter"');
    expect(line.unread).toEqual([]);
  });
});
