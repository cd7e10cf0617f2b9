// The data provider over a real gateway: what each call asks, and what it makes of rows and refusals.

import type { BaseRecord, CrudFilter, CrudSort, HttpError } from "@refinedev/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type App, RESOURCES } from "../../../../generated/typescript/app.js";
import { resource } from "../../src/index.js";
import { dataProvider } from "../../src/refine/index.js";
import { counted } from "../support/counting.js";
import { Gateway } from "../support/gateway.js";

const gateway = new Gateway();
let server: ReturnType<typeof counted<App>>;
let provider: ReturnType<typeof dataProvider>;
let user: number;

beforeAll(async () => {
  gateway.migrate(true);
  await gateway.start();
  server = counted<App>(gateway.url, { resources: RESOURCES });
  provider = dataProvider(server.client);
  user = (await resource(server.client, "users").create({ name: "Zoe", email: "zoe@example.org" })).id;
});

afterAll(async () => {
  server.client.close();
  await gateway.remove();
});

beforeEach(() => {
  server.sent.length = 0;
});

async function task(title: string, values: object = {}): Promise<BaseRecord & { id: number }> {
  const { data } = await provider.create({ resource: "tasks", variables: { user_id: user, title, ...values } });
  return data as BaseRecord & { id: number };
}

const failed = async (call: Promise<unknown>): Promise<HttpError> =>
  call.then(
    () => expect.fail("it did not fail"),
    (error) => error,
  );

const listed = async (filters: CrudFilter[], sorters: CrudSort[] = []) => {
  const { data } = await provider.getList({ resource: "tasks", filters, sorters, pagination: { mode: "off" } });
  return data.map(({ title }) => title);
};

describe("lists", () => {
  beforeAll(async () => {
    const values = [
      ["list a", { priority: 1, notes: "x" }],
      ["list b", { priority: 2, done: true }],
      ["list c", { priority: 3, tags: ["red", "blue"] }],
    ] as const;
    for (const [title, more] of values) await task(title, more);
  });
  const ours: CrudFilter = { field: "title", operator: "startswith", value: "list " };

  it.each<[string, CrudFilter[], string[]]>([
    ["one condition", [], ["list a", "list b", "list c"]],
    [
      "two on one field",
      [
        { field: "priority", operator: "gt", value: 1 },
        { field: "priority", operator: "lt", value: 3 },
      ],
      ["list b"],
    ],
    [
      "a nested or",
      [
        {
          operator: "or",
          value: [
            { field: "done", operator: "eq", value: true },
            {
              operator: "and",
              value: [
                { field: "priority", operator: "lte", value: 1 },
                { field: "notes", operator: "nnull", value: true },
              ],
            },
          ],
        },
      ],
      ["list a", "list b"],
    ],
    [
      "two ors",
      [
        {
          operator: "or",
          value: [
            { field: "priority", operator: "eq", value: 1 },
            { field: "priority", operator: "eq", value: 2 },
          ],
        },
        {
          operator: "or",
          value: [
            { field: "done", operator: "eq", value: true },
            { field: "priority", operator: "eq", value: 3 },
          ],
        },
      ],
      ["list b"],
    ],
    ["an array", [{ field: "tags", operator: "ina", value: ["red"] }], ["list c"]],
    [
      "a condition without a value",
      [{ field: "priority", operator: "eq", value: undefined }],
      ["list a", "list b", "list c"],
    ],
    [
      "a condition that was emptied",
      [{ field: "title", operator: "contains", value: null }],
      ["list a", "list b", "list c"],
    ],
    ["no value", [{ field: "notes", operator: "eq", value: null }], ["list b", "list c"]],
    ["any value", [{ field: "notes", operator: "ne", value: null }], ["list a"]],
    [
      "null",
      [
        { field: "notes", operator: "null", value: undefined as never },
        { field: "notes", operator: "null", value: true },
      ],
      ["list b", "list c"],
    ],
    ["an empty list", [{ field: "priority", operator: "in", value: [] }], []],
    ["not in an empty list", [{ field: "priority", operator: "nin", value: [] }], ["list a", "list b", "list c"]],
    [
      "an empty list in an or",
      [
        {
          operator: "or",
          value: [
            { field: "priority", operator: "in", value: [] },
            { field: "priority", operator: "eq", value: 2 },
          ],
        },
      ],
      ["list b"],
    ],
    ["an empty or", [{ operator: "or", value: [] }], ["list a", "list b", "list c"]],
    [
      "texts of a URL",
      [
        { field: "priority", operator: "in", value: ["1", "3"] },
        { field: "done", operator: "eq", value: "false" },
      ],
      ["list a", "list c"],
    ],
  ])("%s", async (_, filters, titles) => {
    expect(await listed([ours, ...filters], [{ field: "title", order: "asc" }])).toEqual(titles);
  });

  it("are sorted, and leave out a sorter without an order", async () => {
    const sorters = [
      { field: "done", order: null as never },
      { field: "priority", order: "desc" as const },
    ];
    expect(await listed([ours], sorters)).toEqual(["list c", "list b", "list a"]);
    expect(server.take("list")[0]?.sort).toEqual([{ field: "priority", order: "desc" }]);
  });

  it("have pages of 10, and the total", async () => {
    await provider.createMany({
      resource: "tasks",
      variables: Array.from({ length: 12 }, (_, at) => ({ user_id: user, title: `page ${at}` })),
    });
    const filters: CrudFilter[] = [{ field: "title", operator: "startswith", value: "page " }];
    const first = await provider.getList({ resource: "tasks", filters });
    expect([first.data.length, first.total]).toEqual([10, 12]);
    const second = await provider.getList({ resource: "tasks", filters, pagination: { currentPage: 3, pageSize: 5 } });
    expect([second.data.map(({ title }) => title), second.total]).toEqual([["page 10", "page 11"], 12]);
    for (const mode of ["off", "client"] as const) {
      const whole = await provider.getList({ resource: "tasks", filters, pagination: { mode, pageSize: 5 } });
      expect([whole.data.length, whole.total]).toEqual([12, 12]);
    }
  });

  it("without pages have every row, however many there are", async () => {
    const variables = Array.from({ length: 1000 }, (_, at) => ({ user_id: user, title: `many ${at}` }));
    for (let at = 0; at < 1000; at += 250) {
      await provider.createMany({ resource: "tasks", variables: variables.slice(at, at + 250) });
    }
    await task("many last");
    const filters: CrudFilter[] = [{ field: "title", operator: "startswith", value: "many " }];
    server.take("list");
    const { data, total } = await provider.getList({ resource: "tasks", filters, pagination: { mode: "off" } });
    expect([new Set(data.map(({ id }) => id)).size, total]).toEqual([1001, 1001]);
    expect(server.take("list").map(({ limit, offset }) => [limit, offset])).toEqual([
      [1000, 0],
      [1000, 1000],
    ]);
    const large = await provider.getList({ resource: "tasks", filters, pagination: { pageSize: 1001 } });
    expect([large.data.length, large.total]).toEqual([1001, 1001]);
  });

  it("send the fields of meta, and the key", async () => {
    const meta = { fields: ["title"] };
    const { data } = await provider.getList({ resource: "tasks", filters: [ours], meta });
    expect(Object.keys(data[0] ?? {}).sort()).toEqual(["id", "title"]);
    const { data: one } = await provider.getOne({ resource: "users", id: user, meta: { fields: ["name"] } });
    expect(one).toEqual({ id: user, name: "Zoe" });
  });

  it("refuse a wrong filter with the status 400", async () => {
    const filters: CrudFilter[] = [{ field: "nowhere", operator: "eq", value: 1 }];
    expect(await failed(provider.getList({ resource: "tasks", filters }))).toMatchObject({ statusCode: 400 });
    expect(await failed(provider.getList({ resource: "nothing" }))).toMatchObject({ statusCode: 400 });
  });
});

describe("rows", () => {
  it("by the text of a URL, or 404", async () => {
    const { id } = await task("one");
    expect((await provider.getOne({ resource: "tasks", id: String(id) })).data).toMatchObject({ id, title: "one" });
    expect(await failed(provider.getOne({ resource: "tasks", id: 999_999_999 }))).toMatchObject({ statusCode: 404 });
    expect(await failed(provider.getOne({ resource: "tasks", id: "abc" }))).toMatchObject({ statusCode: 400 });
  });

  it("several in one request, in the order asked, without missing ones", async () => {
    const [a, b] = [await task("several a"), await task("several b")];
    server.sent.length = 0;
    const { data } = await provider.getMany({ resource: "tasks", ids: [b.id, 999_999_999, String(a.id), b.id] });
    expect(data.map(({ title }) => title)).toEqual(["several b", "several a", "several b"]);
    expect(server.sent).toHaveLength(1);
    expect(await provider.getMany({ resource: "tasks", ids: [] })).toEqual({ data: [] });
  });

  it("are created, changed and removed, one or many in one message", async () => {
    const created = await provider.createMany({
      resource: "tasks",
      variables: [
        { user_id: user, title: "write a" },
        { user_id: user, title: "write b" },
      ],
    });
    const ids = created.data.map(({ id }) => String(id));
    const changed = await provider.updateMany({ resource: "tasks", ids, variables: { done: true } });
    expect(changed.data.map(({ title, done }) => [title, done])).toEqual([
      ["write a", true],
      ["write b", true],
    ]);
    const one = await provider.update({
      resource: "tasks",
      id: ids[0] as string,
      variables: { id: ids[0], title: "new" },
    });
    expect(one.data).toMatchObject({ title: "new", done: true });
    expect((await provider.deleteOne({ resource: "tasks", id: ids[0] as string })).data).toEqual({
      id: Number(ids[0]),
    });
    expect((await provider.deleteMany({ resource: "tasks", ids: ids.slice(1) })).data).toEqual([
      { id: Number(ids[1]) },
    ]);
    expect(server.sent.map(({ type }) => type)).toEqual(["create", "update", "update", "delete", "delete"]);
    expect((await provider.getMany({ resource: "tasks", ids })).data).toEqual([]);
  });

  it("all or none", async () => {
    const { id } = await task("both");
    const ids = [id, 999_999_999];
    expect(await failed(provider.updateMany({ resource: "tasks", ids, variables: { done: true } }))).toMatchObject({
      statusCode: 404,
    });
    expect((await provider.getOne({ resource: "tasks", id })).data.done).toBe(false);
  });
});

describe("errors", () => {
  it("name the fields of a form", async () => {
    const error = await failed(provider.create({ resource: "tasks", variables: { title: "", priority: 9 } }));
    expect(error).toBeInstanceOf(Error);
    expect([400, 422]).toContain(error.statusCode);
    expect(Object.keys(error.errors ?? {}).sort()).toEqual(["priority", "title", "user_id"]);
    expect(error.errors?.user_id).toEqual(['lacks the property "user_id"']);
  });

  it("name the field whose value is taken", async () => {
    const taken = failed(provider.create({ resource: "users", variables: { name: "Zoe", email: "zoe@example.org" } }));
    expect(await taken).toMatchObject({ statusCode: 409, errors: { email: [expect.any(String)] } });
  });

  it("warn before the change of another user is overwritten", async () => {
    const previousData = await task("mine", { notes: "old", tags: ["a"] });
    const { id } = previousData;
    await provider.update({ resource: "tasks", id, variables: { priority: 5 } });
    const variables = { notes: "new", tags: ["b"] };
    const saved = await provider.update({ resource: "tasks", id, variables, meta: { previousData } });
    expect(saved.data).toMatchObject({ notes: "new", priority: 5, tags: ["b"] });
    const error = await failed(provider.update({ resource: "tasks", id, variables, meta: { previousData } }));
    expect(error).toMatchObject({ statusCode: 409, message: expect.stringContaining("another value") });
  });

  it("have the status of what happened", async () => {
    const { id } = (await resource(server.client, "users").list({ limit: 1 }))[0] as { id: number };
    expect(await failed(provider.deleteOne({ resource: "users", id }))).toMatchObject({ statusCode: 401 });
    const wrong = counted(gateway.url, { token: "wrong" });
    expect(await failed(dataProvider(wrong.client).getList({ resource: "tasks" }))).toMatchObject({ statusCode: 401 });
  });

  it("reject with the reason of an aborted signal", async () => {
    const abort = new AbortController();
    const asked = failed(provider.getList({ resource: "tasks", meta: { signal: abort.signal } }));
    abort.abort();
    expect(await asked).toMatchObject({ name: "AbortError" });
    const queryContext = { signal: abort.signal, queryKey: [] } as never;
    expect(await failed(provider.getOne({ resource: "tasks", id: 1, meta: { queryContext } }))).toMatchObject({
      name: "AbortError",
    });
  });
});

describe("custom", () => {
  it("sends a message whose type is the url", async () => {
    const { data } = await provider.custom({ url: "ping", method: "get" });
    expect(data).toMatchObject({ type: "pong", time: expect.any(Number) });
    const { data: found } = await provider.custom({
      url: "list",
      method: "post",
      payload: { resource: "users", limit: 1 },
    });
    expect(found.rows).toHaveLength(1);
    expect(provider.getApiUrl()).toBe("");
  });
});
