// @vitest-environment happy-dom
// refine's own hooks under <Refine>, with the providers over a real gateway.

import {
  type BaseRecord,
  type HttpError,
  type LiveEvent,
  Refine,
  type RefineProps,
  useCreate,
  useCreateMany,
  useCustom,
  useDelete,
  useDeleteMany,
  useForm,
  useInfiniteList,
  useList,
  useMany,
  useOne,
  useTable,
  useUpdate,
  useUpdateMany,
} from "@refinedev/core";
import { QueryClient } from "@tanstack/react-query";
import { act, cleanup, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type App, RESOURCES, type Task } from "../../../../generated/typescript/app.js";
import { type Client, resource } from "../../src/index.js";
import { dataProvider, type LiveProviderOptions, liveProvider, patchQueries } from "../../src/refine/index.js";
import { counted } from "../support/counting.js";
import { eventually } from "../support/eventually.js";
import { Gateway } from "../support/gateway.js";

const gateway = new Gateway();
/** Another user's client: it writes what the page is told. */
let other: Client<App>;
let user: number;
let page: ReturnType<typeof counted<App>>;
let queryClient: QueryClient;

beforeAll(async () => {
  gateway.migrate(true);
  await gateway.start();
  other = counted<App>(gateway.url).client;
  user = (await resource(other, "users").create({ name: "Zoe", email: "zoe@example.org" })).id;
});

afterAll(async () => {
  other.close();
  await gateway.remove();
});

beforeEach(() => {
  page = counted<App>(gateway.url, { resources: RESOURCES });
  queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
});

afterEach(() => {
  cleanup();
  queryClient.clear();
  page.client.close();
});

const tasks = () => resource(other, "tasks");

/** Some tasks of one group. */
async function some(group: string, count: number, values: object = {}): Promise<Task[]> {
  return tasks().createMany(
    Array.from({ length: count }, (_, at) => ({ user_id: user, title: `${group} ${at}`, ...values })),
  );
}

const of = (group: string) => [{ field: "title", operator: "startswith" as const, value: `${group} ` }];

/** Call a hook on a page of refine. */
function use<T>(hook: () => T, options: Partial<RefineProps> & LiveProviderOptions = {}) {
  const { patch, room, ...props } = options;
  const wrapper = ({ children }: { children: ReactNode }) => (
    <Refine
      dataProvider={provider}
      liveProvider={live}
      resources={[{ name: "tasks", edit: "/tasks/edit/:id" }, { name: "users" }]}
      options={{ disableTelemetry: true, reactQuery: { clientConfig: queryClient }, ...props.options }}
    >
      {children}
    </Refine>
  );
  const provider = dataProvider(page.client);
  const live = liveProvider(page.client, { ...(patch && { patch }), ...(room && { room }) });
  return renderHook(hook, { wrapper, reactStrictMode: true }).result;
}

const titles = (rows: readonly BaseRecord[] | undefined) => rows?.map(({ title }) => title);

describe("reads", () => {
  it("useList, useOne, useMany", async () => {
    const [a, b] = (await some("reads", 2)) as [Task, Task];
    const shown = use(() => ({
      list: useList({ resource: "tasks", filters: of("reads"), sorters: [{ field: "title", order: "desc" }] }),
      one: useOne({ resource: "tasks", id: String(a.id) }),
      many: useMany({ resource: "tasks", ids: [b.id, a.id, 999_999_999] }),
      missing: useOne({ resource: "tasks", id: 999_999_999 }),
    }));
    await eventually(() => expect(titles(shown.current.list.result.data)).toEqual(["reads 1", "reads 0"]));
    await eventually(() => expect(shown.current.one.result).toMatchObject({ id: a.id, title: "reads 0" }));
    await eventually(() => expect(titles(shown.current.many.result.data)).toEqual(["reads 1", "reads 0"]));
    await eventually(() => expect(shown.current.missing.query.error).toMatchObject({ statusCode: 404 }));
    expect(shown.current.list.result.total).toBe(2);
  });

  it("useTable goes through pages, sorters and filters", async () => {
    await some("table", 12);
    const shown = use(() =>
      useTable({
        resource: "tasks",
        filters: { permanent: of("table") },
        sorters: { initial: [{ field: "id", order: "asc" }] },
        pagination: { pageSize: 5 },
        syncWithLocation: false,
      }),
    );
    await eventually(() => expect(shown.current.result.total).toBe(12));
    expect(shown.current.pageCount).toBe(3);
    act(() => shown.current.setCurrentPage(3));
    await eventually(() => expect(titles(shown.current.result.data)).toEqual(["table 10", "table 11"]));
    act(() => shown.current.setSorters([{ field: "id", order: "desc" }]));
    await eventually(() => expect(titles(shown.current.result.data)).toEqual(["table 1", "table 0"]));
    act(() => shown.current.setCurrentPage(1));
    act(() => shown.current.setFilters([{ field: "title", operator: "endswith", value: "7" }]));
    await eventually(() => expect(titles(shown.current.result.data)).toEqual(["table 7"]));
  });

  it("useInfiniteList goes on to the last page", async () => {
    await some("infinite", 5);
    const shown = use(() =>
      useInfiniteList({ resource: "tasks", filters: of("infinite"), pagination: { pageSize: 2 } }),
    );
    for (const count of [2, 4, 5]) {
      await eventually(() => expect(shown.current.result.data?.pages.flatMap(({ data }) => data)).toHaveLength(count));
      expect(shown.current.result.hasNextPage).toBe(count < 5);
      await act(async () => void (await shown.current.query.fetchNextPage()));
    }
  });

  it("useCustom sends an own message", async () => {
    const shown = use(() => useCustom({ url: "ping", method: "get" }));
    await eventually(() => expect(shown.current.result.data.type).toBe("pong"));
  });
});

describe("writes", () => {
  it("of one and of many rows", async () => {
    const hooks = use(() => ({
      list: useList({ resource: "tasks", filters: of("writes"), sorters: [{ field: "id", order: "asc" }] }),
      create: useCreate(),
      update: useUpdate(),
      remove: useDelete(),
      createMany: useCreateMany(),
      updateMany: useUpdateMany(),
      removeMany: useDeleteMany(),
    }));
    const shows = (expected: string[]) =>
      eventually(() => expect(titles(hooks.current.list.result.data)).toEqual(expected));
    const values = (title: string) => ({ user_id: user, title: `writes ${title}` });
    // Before that the page shows no rows either, and what is written meanwhile may be missing in the first answer.
    await eventually(() => expect(hooks.current.list.query.isSuccess).toBe(true));
    await shows([]);
    const call = async <T,>(write: () => Promise<T>) => {
      let result: T | undefined;
      await act(async () => {
        result = await write();
      });
      return result as T;
    };
    const { create, update, remove, createMany, updateMany, removeMany } = hooks.current;
    const a = await call(() => create.mutateAsync({ resource: "tasks", values: values("a") }));
    await shows(["writes a"]);
    const id = a.data.id as number;
    await call(() => update.mutateAsync({ resource: "tasks", id, values: { title: "writes A" } }));
    await shows(["writes A"]);
    const more = await call(() => createMany.mutateAsync({ resource: "tasks", values: [values("b"), values("c")] }));
    await shows(["writes A", "writes b", "writes c"]);
    const ids = more.data.map((row) => row.id as number);
    await call(() => updateMany.mutateAsync({ resource: "tasks", ids, values: { title: "writes x" } }));
    await shows(["writes A", "writes x", "writes x"]);
    await call(() => remove.mutateAsync({ resource: "tasks", id }));
    await call(() => removeMany.mutateAsync({ resource: "tasks", ids }));
    await shows([]);
  });

  it("useForm marks the fields that the gateway refuses", async () => {
    const shown = use(() => useForm<Task, HttpError, object>({ resource: "tasks", action: "create", redirect: false }));
    await act(async () => {
      await shown.current.onFinish({ title: "", user_id: user }).catch(() => {});
    });
    await eventually(() => expect(shown.current.mutation.error?.errors).toEqual({ title: [expect.any(String)] }));
  });

  it("useForm warns before it overwrites the change of another user", async () => {
    const [task] = (await some("form", 1)) as [Task];
    const shown = use(() => {
      const form = useForm<Task, HttpError, object>({
        resource: "tasks",
        action: "edit",
        id: String(task.id),
        redirect: false,
        mutationMeta: { previousData: task },
      });
      return form;
    });
    await eventually(() => expect(shown.current.query?.data?.data.title).toBe("form 0"));
    await tasks().update(task.id, { title: "form theirs" });
    await act(async () => {
      await shown.current.onFinish({ title: "form mine" }).catch(() => {});
    });
    await eventually(() => expect(shown.current.mutation.error?.statusCode).toBe(409));
    expect((await tasks().get(task.id))?.title).toBe("form theirs");
    await act(async () => void (await shown.current.onFinish({ done: true })));
    expect((await tasks().get(task.id))?.done).toBe(true);
  });
});

describe("live", () => {
  it("auto: a list shows what others write, with few reads", async () => {
    await some("auto", 3);
    const shown = use(() =>
      useList({ resource: "tasks", filters: of("auto"), pagination: { pageSize: 100 }, liveMode: "auto" }),
    );
    await eventually(() => expect(shown.current.result.data).toHaveLength(3));
    await eventually(() => expect(page.take("subscribe")).toHaveLength(1));
    page.take("list");
    // Each time one transaction: the events come together, however slow the machine is.
    const made = await tasks().createMany(
      Array.from({ length: 50 }, (_, at) => ({ user_id: user, title: `auto new ${at}` })),
    );
    await eventually(() => expect(shown.current.result.total).toBe(53));
    expect(page.take("list").length).toBeLessThanOrEqual(2);
    const ids = made.map(({ id }) => id);
    await tasks().updateMany(ids, { notes: "changed" });
    const changed = () => shown.current.result.data.filter(({ notes }) => notes === "changed");
    await eventually(() => expect(changed()).toHaveLength(50));
    expect(page.take("list").length).toBeLessThanOrEqual(2);
  });

  it("manual: only tells", async () => {
    const [first] = (await some("manual", 1)) as [Task];
    const events: LiveEvent[] = [];
    const shown = use(() =>
      useOne({ resource: "tasks", id: first.id, liveMode: "manual", onLiveEvent: (event) => events.push(event) }),
    );
    // The answer to a write does not wait until subscribers are told: that the row was created may come, too.
    const later = () => events.filter(({ type, payload }) => type !== "created" || payload.ids?.[0] !== first.id);
    await eventually(() => expect(shown.current.result?.title).toBe("manual 0"));
    await eventually(() => expect(page.take("subscribe")).toHaveLength(1));
    await some("manual other", 1);
    await tasks().update(first.id, { done: true });
    await eventually(() =>
      expect(later()).toEqual([
        {
          channel: "resources/tasks",
          type: "updated",
          payload: { ids: [first.id], row: expect.objectContaining({ id: first.id, done: true }) },
          date: expect.any(Date),
        },
      ]),
    );
    expect(shown.current.result?.done).toBe(false);
  });

  it("own writes are read again once", async () => {
    await some("own", 1);
    const shown = use(() => ({
      list: useList({ resource: "tasks", filters: of("own"), liveMode: "auto" }),
      create: useCreate(),
    }));
    await eventually(() => expect(shown.current.list.result.total).toBe(1));
    await eventually(() => expect(page.take("subscribe")).toHaveLength(1));
    page.take("list");
    await act(
      async () =>
        void (await shown.current.create.mutateAsync({ resource: "tasks", values: { user_id: user, title: "own b" } })),
    );
    await eventually(() => expect(shown.current.list.result.total).toBe(2));
    // What another one writes comes after the event of the own write, and is read: nothing else was.
    await tasks().create({ user_id: user, title: "own c" });
    await eventually(() => expect(shown.current.list.result.total).toBe(3));
    expect(page.take("list")).toHaveLength(2);
  });

  it("patched: no read at all", async () => {
    const made = await some("patched", 3);
    const [first, second, third] = made as [Task, Task, Task];
    const sorters = [{ field: "title", order: "asc" as const }];
    const shown = use(
      () => ({
        list: useList({ resource: "tasks", sorters: [{ field: "id", order: "desc" }], liveMode: "auto" }),
        group: useList({ resource: "tasks", filters: of("patched"), sorters, liveMode: "auto" }),
        one: useOne({ resource: "tasks", id: first.id, liveMode: "auto" }),
        many: useMany({ resource: "tasks", ids: [second.id, first.id], liveMode: "auto" }),
      }),
      { patch: patchQueries(queryClient) },
    );
    await eventually(() => expect(shown.current.group.result.data).toHaveLength(3));
    await eventually(() => expect(shown.current.list.result.data).toHaveLength(10));
    await eventually(() =>
      expect([shown.current.one.result?.id, shown.current.many.result.data.length]).toEqual([first.id, 2]),
    );
    await eventually(() => expect(page.take("subscribe")).toHaveLength(1));
    page.sent.length = 0;
    for (let at = 0; at < 50; at += 1) await tasks().update(made[at % 3]?.id as number, { notes: `change ${at}` });
    const notes = (rows: readonly object[]) => rows.map((row) => (row as Task).notes);
    await eventually(() =>
      expect(notes(shown.current.group.result.data)).toEqual(["change 48", "change 49", "change 47"]),
    );
    expect(notes(shown.current.list.result.data.slice(0, 3))).toEqual(["change 47", "change 49", "change 48"]);
    expect(shown.current.one.result?.notes).toBe("change 48");
    expect(notes(shown.current.many.result.data)).toEqual(["change 49", "change 48"]);
    expect(page.sent).toEqual([]);
    expect(third.id).toBe(shown.current.list.result.data[0]?.id);
  });
});
