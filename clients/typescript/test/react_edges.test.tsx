// @vitest-environment happy-dom
// `tidegate/react` where components meet the edges of React and of the contract: hydration, suspense, values that JSON does not
// have, a user who changes, and presence that several say.

import { act } from "@testing-library/react";
import { lazy, Suspense, useEffect } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../src/index.js";
import {
  TidegateProvider,
  useConnection,
  useLiveQuery,
  useMyPresence,
  useRoom,
  useRow,
  useWebSocket,
} from "../src/react/index.js";
import { settle, show, stage, URL } from "./support/page.js";
import { type Line, USER } from "./support/scripted.js";

const here = stage();
let client: Client;
let line: Line;
let rows: readonly unknown[];
let status: string;

beforeEach(async () => {
  ({ client, line } = await here.gateway.open());
});

const within = (page: React.ReactNode) => <TidegateProvider client={client}>{page}</TidegateProvider>;

function Users({ options = {} }: { options?: object | "skip" }) {
  const state = useLiveQuery("users", options as never);
  ({ rows, status } = state);
  return <>{(state.rows as unknown as { name: string }[]).map(({ name }) => name).join()}</>;
}

async function answer(id: string, ...names: string[]) {
  const request = line.subscribe(id, "snapshot", 5);
  line.snapshot(
    id,
    names.map((name, index) => ({ id: index, name })),
  );
  await settle();
  return request;
}

describe("rows", () => {
  it("of the filters before a 'skip' do not come back under other filters", async () => {
    const page = await show(within(<Users options={{ filters: { status: "active" } }} />));
    await answer("s1", "Ann");
    await page.again(within(<Users options="skip" />));
    await page.again(within(<Users options={{ filters: { status: "inactive" } }} />));
    expect([rows, status]).toEqual([[], "loading"]);
  });

  it("are gone at once when the same user has other roles", async () => {
    await show(within(<Users />));
    await answer("s1", "Ann");
    await act(async () => {
      (await here.gateway.next(4202)).welcome({ user: { ...USER, roles: [] } });
    });
    expect([rows, status]).toEqual([[], "loading"]);
  });

  it("without a value for a property are others than those of any value", async () => {
    const page = await show(within(<Users options={{ filters: { owner: undefined } }} />));
    expect((await answer("s1", "Ann")).filters).toEqual({});
    await page.again(within(<Users options={{ filters: { owner: null } }} />));
    expect((await answer("s2", "Bob")).filters).toEqual({ owner: null });
  });

  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  it.each([
    ["a BigInt", 5n],
    ["a cycle", cycle],
    ["NaN", Number.NaN],
  ])("for a filter that JSON does not have are an error, and no throw: %s", async (_, id) => {
    const page = await show(within(<Users options={{ filters: { id } }} />));
    expect(status).toBe("error");
    await page.again(within(<Users />));
    await answer("s1", "Ann");
    expect(status).toBe("live");
  });

  it("for a filter that JSON does not have are an error of `useWebSocket` too", async () => {
    let error: { code: string } | undefined;
    function All() {
      const socket = useWebSocket(URL);
      useEffect(() => socket.subscribe("users", { id: 5n } as never), [socket.subscribe]);
      error = socket.error;
      return null;
    }
    await show(<All />);
    await act(async () => void here.gateway.line.welcome());
    expect(error?.code).toBe("not_json");
  });

  it("that the page has already do not disturb the hydration of what the server rendered", async () => {
    const errors: unknown[] = [];
    const app = within(<Users />);
    const container = document.createElement("div");
    container.innerHTML = renderToString(app);
    await show(within(<Users />));
    await answer("s1", "Ann");
    const onRecoverableError = (error: unknown) => errors.push(error);
    const root = await act(async () => hydrateRoot(container, app, { onRecoverableError }));
    expect([container.textContent, errors]).toEqual(["Ann", []]);
    await act(async () => root.unmount());
  });

  it("stay, and follow changes, while a component beside them is loaded", async () => {
    let arrived: (module: { default: () => React.ReactNode }) => void = () => {};
    const Late = lazy(() => new Promise<{ default: () => React.ReactNode }>((resolve) => (arrived = resolve)));
    const page = (late: boolean) =>
      within(<Suspense fallback="...">{[<Users key="u" />, late && <Late key="l" />]}</Suspense>);
    const shown = await show(page(false));
    await answer("s1", "Ann");
    await shown.again(page(true));
    line.update("s1", "create", { id: 5, name: "Bob" }, 6);
    await settle();
    await act(async () => arrived({ default: () => "!" }));
    expect([shown.container.textContent, line.unread]).toEqual(["Ann,Bob!", []]);
  });

  it("of one key are never those of the key before", async () => {
    let state: ReturnType<typeof useRow<"users">> | undefined;
    function One({ id }: { id: number | null }) {
      state = useRow("users", id as never);
      return null;
    }
    const page = await show(within(<One id={1} />));
    await answer("s1", "Ann");
    expect(state?.row).toMatchObject({ name: "Ann" });
    for (const id of [2, Number.NaN, null]) {
      await page.again(within(<One id={id} />));
      expect([id, state?.row, state?.ready]).toEqual([id, undefined, false]);
    }
  });
});

describe("the user", () => {
  it("who has another name is shown with it", async () => {
    function Me() {
      return useConnection().user?.name;
    }
    const page = await show(within(<Me />));
    await act(async () => {
      client.authenticate("again").catch(() => {});
      line.reply(line.take("authenticate"), "authenticated", { user: { ...USER, name: "Anna" } });
    });
    expect(page.container.textContent).toBe("Anna");
  });
});

describe("a room", () => {
  it("is 'joining' in the first render and on a server", async () => {
    const seen = new Set<string>();
    function Room() {
      seen.add(useRoom("a").status);
      return null;
    }
    renderToString(within(<Room />));
    await show(within(<Room />));
    expect([...seen]).toEqual(["joining"]);
  });

  it("that is none, or left, refuses what is said", async () => {
    let room: ReturnType<typeof useRoom<string>> | undefined;
    function Room({ name }: { name: string | null }) {
      room = useRoom(name, { history: 0 });
      return null;
    }
    const page = await show(within(<Room name={null} />));
    expect(room?.status).toBe("left");
    await expect(room?.send({ text: "x" } as never)).rejects.toMatchObject({ code: "closed" });
    await page.again(within(<Room name="a" />));
    line.join("a");
    await settle();
    const send = room?.send;
    await page.again(within(<Room name={null} />));
    await expect(send?.({ text: "x" } as never)).rejects.toMatchObject({ code: "closed" });
    expect(line.unread).toEqual(["leave"]);
  });
});

describe("useMyPresence", () => {
  const ann = { id: "7", name: "Ann", status: "online" };
  let mine: object;
  let set: (part: object) => Promise<unknown>;

  function Mine({ room }: { room: string }) {
    [mine, set] = useMyPresence(room);
    return null;
  }
  const say = (...parts: object[]) => act(async () => parts.map((part) => set(part).catch(() => {})));
  const tell = async (users: object) => {
    line.reply(line.take("presence"), "presence", { room: "a", users: [users] });
    await settle();
  };

  it("shows all that was said in one turn", async () => {
    await show(within(<Mine room="a" />));
    line.join("a", { users: [ann] });
    await say({ status: "away" }, { info: { x: 1 } });
    expect(mine).toEqual({ status: "away", info: { x: 1 } });
    await tell({ ...ann, status: "away" });
    expect(mine).toEqual({ status: "away", info: { x: 1 } });
    await tell({ ...ann, status: "away", info: { x: 1 } });
    expect(mine).toEqual({ status: "away", info: { x: 1 } });
  });

  it("shows what another tab of the user said later", async () => {
    await show(within(<Mine room="a" />));
    line.join("a", { users: [ann] });
    await say({ info: { x: 1 } });
    await tell({ ...ann, info: { x: 1 } });
    line.say("presence_diff", { room: "a", left: [], joined: [], changed: [{ ...ann, info: { x: 2 } }] });
    await settle();
    expect(mine).toEqual({ status: "online", info: { x: 2 } });
  });

  it("takes to another room nothing of what was said in the one before", async () => {
    const page = await show(within(<Mine room="a" />));
    line.join("a", { users: [ann] });
    await say({ status: "away" });
    line.take("presence");
    await page.again(within(<Mine room="b" />));
    line.join("b", { users: [ann] });
    await settle();
    expect(mine).toEqual({ status: "online", info: undefined });
  });

  it("takes back what the gateway refused", async () => {
    await show(within(<Mine room="a" />));
    line.join("a", { users: [ann] });
    await say({ status: "away" });
    line.refuse(line.take("presence"), "forbidden");
    await settle();
    expect(mine).toEqual({ status: "online", info: undefined });
  });
});
