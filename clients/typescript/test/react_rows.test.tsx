// @vitest-environment happy-dom
// Live queries, rows and writes of `tidegate/react`: nothing flashes, nothing renders without need, and an error is its own.

import { act } from "@testing-library/react";
import { memo, useState } from "react";
import { renderToString } from "react-dom/server";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Client } from "../src/index.js";
import {
  type LiveRows,
  type Mutation,
  TidegateProvider,
  useClient,
  useConnection,
  useLiveQuery,
  useMutation,
  useRequest,
  useRow,
} from "../src/react/index.js";
import { settle, show, stage } from "./support/page.js";
import type { Line } from "./support/scripted.js";

type Rows = Record<string, unknown> & { id: number; name: string };

const here = stage();
let client: Client;
let line: Line;
let shown: LiveRows<Rows>;
let renders: number;
let states: string[];

beforeEach(async () => {
  ({ client, line } = await here.gateway.open());
  renders = 0;
  states = [];
});

type Options = object | "skip";

function Users({ of = "users", options = {} }: { of?: string; options?: Options }) {
  shown = useLiveQuery(of as "users", options as never) as unknown as LiveRows<Rows>;
  renders += 1;
  states.push(`${shown.status} ${shown.rows.length}`);
  return <>{shown.rows.map(({ id, name }) => id + name).join()}</>;
}

const within = (page: React.ReactNode) => <TidegateProvider client={client}>{page}</TidegateProvider>;

/** Answer a `subscribe`. */
async function rows(id: string, ...names: string[]) {
  const request = line.subscribe(id, "snapshot", 5);
  line.snapshot(
    id,
    names.map((name, index) => ({ id: index, name })),
  );
  await settle();
  return request;
}

describe("useLiveQuery", () => {
  it("shows rows in the order of `sort`, as many as `limit`, and says how it stands with them", async () => {
    await show(within(<Users options={{ filters: { status: "active" }, sort: ["-name"], limit: 2 }} />));
    expect(shown).toMatchObject({ rows: [], status: "loading", ready: false, hasMore: false, error: undefined });
    expect((await rows("s1", "Ann", "Bob", "Cem")).filters).toEqual({ status: "active" });
    expect(shown).toMatchObject({ status: "live", ready: true, hasMore: true });
    expect(shown.rows.map(({ name }) => name)).toEqual(["Cem", "Bob"]);
    await act(async () => line.end());
    expect(shown).toMatchObject({ status: "behind", ready: true });
    expect(shown.rows).toHaveLength(2);
  });

  it("subscribes once for options that are other objects at each render, in another order too", async () => {
    const page = await show(within(<Users options={{ filters: { status: "active", name: { in: ["a"] } } }} />));
    await rows("s1", "Ann");
    const before = shown.rows;
    await page.again(within(<Users options={{ filters: { name: { in: ["a"] }, status: "active" } }} />));
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect([shown.rows === before, line.unread]).toEqual([true, []]);
  });

  it("keeps the rows of the filters before until the new ones are there, and says so", async () => {
    const page = await show(within(<Users options={{ filters: { status: "active" } }} />));
    await rows("s1", "Ann");
    states = [];
    await page.again(within(<Users options={{ filters: { status: "inactive" } }} />));
    expect(shown).toMatchObject({ status: "loading", ready: false });
    await rows("s2", "Bob", "Cem");
    expect([...new Set(states)]).toEqual(["loading 1", "live 2"]);
  });

  it("does not show the rows of another resource, of a skipped query, or of one that was refused", async () => {
    const page = await show(within(<Users />));
    await rows("s1", "Ann");
    await page.again(within(<Users of="tasks" />));
    expect(shown.rows).toEqual([]);
    await page.again(within(<Users />));
    expect(shown.rows).toHaveLength(1);
    await page.again(within(<Users options="skip" />));
    expect(shown).toMatchObject({ rows: [], status: "loading", ready: false });
    await page.again(within(<Users options={{ filters: { secret: 1 } }} />));
    await act(async () => {
      line.take("subscribe");
      line.refuse(line.take("subscribe"), "forbidden");
    });
    expect(shown).toMatchObject({ rows: [], status: "error", ready: false, error: { code: "forbidden" } });
  });

  it("shows rows in its first render where a component showed them a moment ago", async () => {
    const page = await show(within(<Users />));
    await rows("s1", "Ann");
    await page.again(within(null));
    await act(() => vi.advanceTimersByTimeAsync(4000));
    states = [];
    await page.again(within(<Users />));
    expect([...new Set(states)]).toEqual(["live 1"]);
    expect(line.unread).toEqual([]);
    page.unmount();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.unread[0]).toBe("unsubscribe");
  });

  it("asks again for a query that was refused, when a component wants it again", async () => {
    const page = await show(within(<Users />));
    await act(async () => line.refuse(line.take("subscribe"), "forbidden"));
    expect(shown.status).toBe("error");
    await page.again(within(null));
    await page.again(within(<Users />));
    await rows("s1", "Ann");
    expect(shown).toMatchObject({ status: "live", error: undefined });
  });

  it("tells a temporary refusal until the rows are there", async () => {
    await show(within(<Users />));
    await act(async () => line.refuse(line.take("subscribe"), "unavailable", { temporary: true }));
    expect(shown).toMatchObject({ status: "loading", error: { code: "unavailable" } });
    await act(() => vi.advanceTimersByTimeAsync(2000));
    await rows("s1", "Ann");
    expect(shown).toMatchObject({ status: "live", error: undefined });
  });

  it("never shows one user the rows of another", async () => {
    await show(within(<Users />));
    await rows("s1", "Ann");
    states = [];
    const done = client.authenticate("a.b.c");
    await act(async () =>
      line.reply(line.take("authenticate"), "authenticated", { user: { ...client.user, id: "8" } }),
    );
    await act(async () => void (await done));
    expect([...new Set(states)]).toEqual(["loading 0"]);
    line.take("unsubscribe");
    await rows("s2", "Bob", "Cem");
    expect(shown.rows).toHaveLength(2);
  });

  it("renders once for 500 changes of one turn, and a row that did not change not at all", async () => {
    const rendered: string[] = [];
    const Row = memo(({ row }: { row: Rows }) => void rendered.push(row.name));
    function List() {
      const list = useLiveQuery("users") as unknown as LiveRows<Rows>;
      renders += 1;
      return list.rows.map((row) => <Row key={row.id} row={row} />);
    }
    await show(within(<List />));
    await rows("s1", "Ann", "Bob");
    renders = 0;
    rendered.length = 0;
    await act(async () => {
      for (let seq = 6; seq < 506; seq += 1) line.update("s1", "update", { id: 1, name: `Bob ${seq}` }, seq);
    });
    expect([renders / 2, new Set(rendered)]).toEqual([1, new Set(["Bob 505"])]);
  });

  it("tells what ended the client", async () => {
    await show(within(<Users />));
    await act(async () => line.end(4003));
    expect(shown).toMatchObject({ status: "error", error: { name: "ConnectionRefused" } });
  });
});

describe("useRow", () => {
  function User({ id }: { id: number | null }) {
    const { row, ready } = useRow("users", id);
    return <>{`${ready} ${row?.name}`}</>;
  }

  it("shows the row of a key, and never that of the key before", async () => {
    const page = await show(within(<User id={1} />));
    expect(line.take("subscribe").filters).toEqual({ id: 1 });
    await page.again(within(<User id={null} />));
    expect(page.container.textContent).toBe("false undefined");
    await page.again(within(<User id={2} />));
    await rows("s2", "Ann");
    expect(page.container.textContent).toBe("true Ann");
    await page.again(within(<User id={3} />));
    expect(page.container.textContent).toBe("false undefined");
  });
});

describe("useMutation and useRequest", () => {
  let tasks: Mutation<"tasks">;
  let others: Mutation<"tasks">;
  let ping: ReturnType<typeof useRequest<"ping">>;

  function Write() {
    tasks = useMutation("tasks") as never;
    renders += 1;
    return null;
  }
  function Other() {
    others = useMutation("tasks") as never;
    ping = useRequest("ping");
    return null;
  }
  const page = () => within([<Write key="1" />, <Other key="2" />]);

  it("say that a call is under way, and what it met, to the component that made it", async () => {
    await show(page());
    const { create } = tasks;
    await act(async () => void create({ title: "One" } as never));
    expect(tasks).toMatchObject({ pending: true, error: undefined });
    await act(async () => line.refuse(line.take("create"), "invalid_data", { pointer: "/data/title" }));
    expect(tasks).toMatchObject({ pending: false, error: { code: "invalid_data" } });
    expect(others).toMatchObject({ pending: false, error: undefined });
    expect(tasks.create).toBe(create);
    let created: unknown;
    await act(async () => {
      create({ title: "Two" } as never).then((row) => {
        created = row;
      });
    });
    expect(tasks).toMatchObject({ pending: true, error: undefined });
    await act(async () => line.reply(line.take("create"), "rows", { rows: [{ id: 1, title: "Two" }] }));
    expect([created, tasks.pending]).toEqual([{ id: 1, title: "Two" }, false]);
  });

  it("are under way until the last call has ended, and `reset` forgets an error", async () => {
    await show(page());
    await act(async () => {
      tasks.update(1, {});
      tasks.delete(2).catch(() => {});
    });
    await act(async () => line.reply(line.take("update"), "rows", { rows: [{ id: 1 }] }));
    expect(tasks.pending).toBe(true);
    await act(async () => line.refuse(line.take("delete"), "not_found"));
    expect(tasks).toMatchObject({ pending: false, error: { code: "not_found" } });
    act(() => tasks.reset());
    expect(tasks.error).toBeUndefined();
  });

  it("reject the call too, so that a program may wait for it", async () => {
    await show(page());
    const refused = ping.call().catch((error) => error.code);
    await act(async () => line.refuse(line.take("ping"), "internal"));
    expect(await refused).toBe("internal");
    await act(async () => void ping.call());
    await act(async () => line.reply(line.take("ping"), "pong", { time: 7 }));
    expect(ping).toMatchObject({ reply: { time: 7 }, pending: false, error: undefined });
  });
});

describe("the provider", () => {
  it("gives its client, and a hook without one says what is missing", async () => {
    let given: unknown;
    function Client() {
      given = useClient();
      return null;
    }
    await show(within(<Client />));
    expect(given).toBe(client);
    vi.spyOn(console, "error").mockReturnValue();
    await expect(show(<Client />)).rejects.toThrow("there is no <TidegateProvider> around this component");
  });

  it("renders on a server, and connects to nothing there", () => {
    function Page() {
      const { rows, status } = useLiveQuery("users");
      return <>{`${useConnection().status} ${status} ${rows.length} ${useRow("users", 1).ready}`}</>;
    }
    const count = here.gateway.lines.length;
    const url = "ws://elsewhere.test/ws";
    const html = renderToString(
      <TidegateProvider url={url}>
        <Page />
      </TidegateProvider>,
    );
    expect(html).toBe("connecting loading 0 false");
    expect(renderToString(within(<Page />))).toBe("connecting loading 0 false");
    expect(here.gateway.lines.length).toBe(count);
  });

  it("tells the connection's own status, user and end, and no request's error", async () => {
    let connection = {};
    function Connection() {
      connection = useConnection();
      const [, again] = useState(0);
      return <button type="button" onClick={() => again(1)} />;
    }
    await show(within([<Connection key="1" />, <Users key="2" />]));
    expect(connection).toMatchObject({ status: "open", user: { name: "Ann" }, error: undefined });
    await act(async () => line.refuse(line.take("subscribe"), "forbidden"));
    await act(async () => line.say("error", { code: "not_joined", message: "join first", temporary: false }));
    expect(connection).toMatchObject({ status: "open", error: undefined });
    const done = client.authenticate("a.b.c");
    await act(async () =>
      line.reply(line.take("authenticate"), "authenticated", { user: { ...client.user, id: "8" } }),
    );
    await act(async () => void (await done));
    expect(connection).toMatchObject({ status: "open", user: { id: "8" } });
    await act(async () => line.end(4001));
    expect(connection).toMatchObject({ status: "closed", error: { name: "ConnectionRefused" } });
  });
});
