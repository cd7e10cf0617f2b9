// @vitest-environment happy-dom
// Who a component is: tokens that change, functions that give them, and what a page keeps meanwhile. And what `useWebSocket`
// does with rooms, errors and options beyond react.test.tsx.

import { act } from "@testing-library/react";
import { useEffect } from "react";
import { describe, expect, it, vi } from "vitest";
import type { AnyApp, Options } from "../src/index.js";
import { TidegateProvider, type UseWebSocket, useConnection, useWebSocket } from "../src/react/index.js";
import { settle, show, stage, tokenOf, URL } from "./support/page.js";
import type { Line } from "./support/scripted.js";

const here = stage();
const used: Record<string, UseWebSocket<AnyApp>> = {};

function Part({ name = "a", options = {}, room = "a" }: { name?: string; options?: Options; room?: string }) {
  const socket = useWebSocket(URL, options);
  used[name] = socket;
  const { subscribe, join } = socket;
  useEffect(() => join(room), [join, room]);
  useEffect(() => subscribe("users"), [subscribe]);
  return null;
}

const a = () => used.a as UseWebSocket<AnyApp>;
const b = () => used.b as UseWebSocket<AnyApp>;
const user = (id: string) => ({ id, name: id, roles: [], anonymous: id.startsWith("anon") });
/** Whose token a line brought; undefined for none. */
const bearerOf = (line: Line) => {
  const token = line.protocols[1]?.split(".")[2];
  return token && JSON.parse(atob(token)).sub;
};
const lines = () => here.gateway.lines.filter(({ closed }) => closed === undefined);

/** The gateway lets the last connection in, as `id`; its room and its rows are there. */
async function open(id = "anon-1") {
  const { line } = here.gateway;
  act(() => void line.welcome({ user: user(id) }));
  await settle();
  act(() => {
    line.join("a");
    line.subscribe(`s-${id}`, "snapshot", 5);
    line.snapshot(`s-${id}`, [{ id: 1, name: id }]);
  });
  await settle();
  return line;
}

const sign = (sub: string) => async () => tokenOf(sub, { jti: Math.random() });
const of = (sub?: string): Options => (sub ? { token: sign(sub) } : {});

describe("whose client it is", () => {
  it("follows a login, another user and a logout of token functions that are others at each render", async () => {
    const page = await show(<Part options={of()} />);
    const first = await open();
    expect([bearerOf(first), a().user?.id, a().data]).toEqual([undefined, "anon-1", [{ id: 1, name: "anon-1" }]]);
    for (const id of ["kim", "lou"]) {
      await page.again(<Part options={of(id)} />);
      expect([a().data, lines().length]).toEqual([[], 1]);
      const line = await open(id);
      expect([bearerOf(line), a().user?.id, a().data]).toEqual([id, id, [{ id: 1, name: id }]]);
    }
    await page.again(<Part options={of()} />);
    expect(bearerOf(here.gateway.line)).toBeUndefined();
  });

  it("keeps the client, its rows and its messages for a fresh token of the same user", async () => {
    const page = await show(<Part options={{ token: tokenOf("kim", { exp: 1 }) }} />);
    const line = await open("kim");
    act(() =>
      line.say("message", { room: "a", from: "8", sender: {}, data: "hi", position: { epoch: "r", offset: 1 } }),
    );
    await page.again(<Part options={{ token: tokenOf("kim", { exp: 2 }) }} />);
    const request = line.take("authenticate");
    expect(request.token).toBe(tokenOf("kim", { exp: 2 }));
    act(() => line.reply(request, "authenticated", { user: user("kim") }));
    await settle();
    expect([a().data.length, a().messages.length, a().status, line.unread]).toEqual([1, 1, "open", []]);
    await page.again(<Part options={of("kim")} />);
    await page.again(<Part options={of("kim")} />);
    expect([a().data.length, line.unread, here.gateway.lines.length]).toEqual([1, [], 1]);
  });

  it("gives each user another client, and one user's components one", async () => {
    await show([
      <Part key="1" name="a" options={of("kim")} />,
      <Part key="2" name="b" options={of("lou")} />,
      <Part key="3" name="c" options={of("kim")} />,
    ]);
    expect(lines().map(bearerOf).sort()).toEqual(["kim", "lou"]);
  });

  it("does not ask a function again for its own renders, but does so later", async () => {
    let asked = 0;
    function Inline() {
      used.a = useWebSocket(URL, {
        token: () => {
          asked += 1;
          return tokenOf("kim");
        },
      });
      const { join } = used.a;
      useEffect(() => join("a"), [join]);
      return null;
    }
    await show(<Inline />);
    const before = asked;
    const line = here.gateway.line.welcome({ user: user("kim") });
    await settle();
    line.join("a");
    for (let offset = 1; offset <= 50; offset += 1) {
      act(() => line.say("message", { room: "a", from: "8", sender: {}, data: 1, position: { epoch: "r", offset } }));
    }
    expect([a().messages.length, asked]).toEqual([50, before]);
    await act(() => vi.advanceTimersByTimeAsync(10_000));
    expect(asked).toBe(before + 1);
  });

  it("holds back what is sent while a token is under way: it is never said as the user before", async () => {
    const page = await show(<Part options={of("kim")} />);
    const kims = await open("kim");
    let give = (_: string) => {};
    const token = () =>
      new Promise<string>((resolve) => {
        give = resolve;
      });
    await page.again(<Part options={{ token }} />);
    act(() => a().send({ type: "message", room: "a", data: "hello" }));
    await settle();
    expect(kims.unread).toEqual([]);
    act(() => give(tokenOf("lou")));
    await settle();
    const line = await open("lou");
    expect([bearerOf(line), line.unread]).toEqual(["lou", ["message"]]);
  });

  it("tells that a token function failed, and asks it again", async () => {
    const down = new Error("GET /token: 500") as never;
    const token = vi
      .fn(() => tokenOf("kim"))
      .mockRejectedValueOnce(down)
      .mockRejectedValueOnce(down);
    await show(<Part options={{ token }} />);
    expect(a().error).toMatchObject({ code: "token_failed", retryable: true });
    expect(a().error?.message).toContain("GET /token: 500");
    await act(() => vi.advanceTimersByTimeAsync(2000));
    await open("kim");
    expect([a().error, a().user?.id]).toEqual([undefined, "kim"]);
  });

  it("tells that a token function does not end, and asks it again", async () => {
    const never = new Promise<string>(() => {});
    const token = vi
      .fn((): string | Promise<string> => tokenOf("kim"))
      .mockReturnValueOnce(never)
      .mockReturnValueOnce(never);
    await show(<Part options={{ token }} />);
    await act(() => vi.advanceTimersByTimeAsync(9_900));
    expect(a().error).toBeUndefined();
    await act(() => vi.advanceTimersByTimeAsync(200));
    expect(a().error).toMatchObject({ code: "token_failed", retryable: true });
    await act(() => vi.advanceTimersByTimeAsync(2000));
    await open("kim");
    expect([a().error, a().user?.id]).toEqual([undefined, "kim"]);
  });

  it("becomes the user of a token that the component sends, and no other component does", async () => {
    await show([<Part key="1" name="a" />, <Part key="2" name="b" />]);
    await open();
    act(() => a().send({ type: "authenticate", token: tokenOf("kim") }));
    await settle();
    await open("kim");
    expect([a().user?.id, b().user?.id, lines().length]).toEqual(["kim", "anon-1", 2]);
  });

  it("is the provider's too, which makes no other client for a fresh token", async () => {
    let id: string | undefined;
    function Name() {
      id = useConnection().user?.id;
      return null;
    }
    const provider = (options: Options) => (
      <TidegateProvider url={URL} {...options}>
        <Name />
      </TidegateProvider>
    );
    const page = await show(provider({ token: tokenOf("kim", { exp: 1 }) }));
    act(() => void here.gateway.line.welcome({ user: user("kim") }));
    await page.again(provider({ token: tokenOf("kim", { exp: 2 }) }));
    here.gateway.line.take("authenticate");
    expect([id, here.gateway.lines.length]).toEqual(["kim", 1]);
    await page.again(provider(of("lou")));
    act(() => void here.gateway.line.welcome({ user: user("lou") }));
    await settle();
    expect([id, bearerOf(here.gateway.line), lines().length]).toEqual(["lou", "lou", 1]);
    page.unmount();
    await settle();
    expect([lines().length, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

describe("what the hook does with rooms, errors and options", () => {
  const said = (offset: number, room = "a") => ({
    ...{ room, from: "8", sender: { id: "8", name: "Bob" }, time: 1, data: offset },
    position: { epoch: room, offset },
  });

  it("leaves a room with the effect that joined it, and its messages go", async () => {
    const page = await show(<Part />);
    const line = await open();
    act(() => line.say("message", said(1)));
    expect(a().messages).toHaveLength(1);
    await page.again(<Part room="b" />);
    expect([a().messages, line.unread]).toEqual([[], ["join", "leave"]]);
  });

  it("joins a room again that was refused", async () => {
    await show(<Part />);
    const line = here.gateway.line.welcome();
    await settle();
    act(() => line.refuse(line.take("join"), "limit_reached"));
    await settle();
    expect(a().error).toMatchObject({ code: "limit_reached" });
    line.take("subscribe");
    act(() => void a().join("a"));
    act(() => void line.join("a"));
    await settle();
    expect(a().error).toBeUndefined();
  });

  it("says a status again that a component says once more, and keeps it", async () => {
    await show(<Part />);
    const line = await open();
    act(() => void a().join("a", { status: "away", info: { at: 1 } }));
    await settle();
    expect(line.take("presence")).toMatchObject({ room: "a", status: "away", info: { at: 1 } });
    act(() => a().send({ type: "presence", room: "a", status: "busy" as never }));
    await settle();
    expect(line.take("presence")).toMatchObject({ status: "busy" });
  });

  it("gives an error to the component whose call met it, until its next call succeeds", async () => {
    await show([<Part key="1" name="a" />, <Part key="2" name="b" />]);
    const line = await open();
    const send = (data: unknown) => act(() => a().send({ type: "message", room: "a", data }));
    send("too long");
    act(() => line.refuse(line.take("message"), "invalid_data"));
    await settle();
    expect([a().error?.code, b().error]).toEqual(["invalid_data", undefined]);
    act(() => line.say("error", { code: "internal", message: "whose?", temporary: true }));
    expect(b().error).toBeUndefined();
    send("short");
    act(() => line.reply(line.take("message"), "sent", { position: { epoch: "r", offset: 1 } }));
    await settle();
    expect(a().error).toBeUndefined();
  });

  it("keeps the error of a call through a reconnect", async () => {
    await show(<Part />);
    const line = await open();
    act(() => a().send({ type: "message", room: "a", data: "too long" }));
    act(() => line.refuse(line.take("message"), "invalid_data"));
    act(() => line.end());
    await act(() => vi.advanceTimersByTimeAsync(1000));
    act(() => void here.gateway.line.welcome({ user: user("anon-1") }));
    await settle();
    expect([a().status, a().error?.code]).toEqual(["open", "invalid_data"]);
  });

  it("joins with the reports of members that the component asks for", async () => {
    await show(<Part room="b" />);
    const line = here.gateway.line.welcome();
    await settle();
    line.join("b");
    line.take("subscribe");
    act(() => void a().join("quiet", { presence: "none" }));
    await settle();
    expect(line.join("quiet")).toMatchObject({ presence: "none" });
  });

  it("sends again what a breaking line may have lost, once for the gateway", async () => {
    await show(<Part />);
    const line = await open();
    act(() => a().send({ type: "message", room: "a", data: "hello" }));
    const { key } = line.take("message");
    act(() => line.end());
    await act(() => vi.advanceTimersByTimeAsync(1000));
    const next = here.gateway.line.welcome();
    await settle();
    next.join("a");
    next.take("subscribe");
    expect(next.take("message")).toMatchObject({ data: "hello", key });
  });

  it("tells in which room messages are lost", async () => {
    await show(<Part />);
    const line = await open();
    act(() => line.say("message", said(1)));
    act(() => line.end());
    await act(() => vi.advanceTimersByTimeAsync(1000));
    const next = here.gateway.line.welcome();
    await settle();
    act(() => void next.join("a", { position: { epoch: "a", offset: 151 } }));
    await settle();
    expect(a().gap).toBe("a");
  });

  it("keeps rows that an effect asks for again, in another order of the same filters", async () => {
    const seen: number[] = [];
    function Again({ filters }: { filters: Record<string, unknown> }) {
      used.a = useWebSocket(URL);
      const { subscribe, data } = used.a;
      seen.push(data.length);
      useEffect(() => subscribe("users", filters), [subscribe, filters]);
      return null;
    }
    const page = await show(<Again filters={{ id: 1, name: "x" }} />);
    const line = here.gateway.line.welcome();
    await settle();
    line.subscribe("s1", "snapshot", 5);
    act(() => line.snapshot("s1", [{ id: 1 }]));
    await settle();
    expect(a().ready).toBe(true);
    seen.length = 0;
    await page.again(<Again filters={{ name: "x", id: 1 }} />);
    expect([new Set(seen), line.unread]).toEqual([new Set([1]), []]);
  });

  it("gives components with other options another client", async () => {
    await show([<Part key="1" name="a" />, <Part key="2" name="b" options={{ keys: { users: "name" } }} />]);
    expect(lines()).toHaveLength(2);
    for (const line of lines()) {
      act(() => void line.welcome());
      await settle();
      line.join("a");
      line.subscribe("s", "snapshot", 5);
      act(() => line.snapshot("s", [{ name: "Ann" }]));
    }
    await settle();
    expect([a().error?.code, b().data]).toEqual(["invalid_message", [{ name: "Ann" }]]);
  });

  it("hears the application's own messages through its client", async () => {
    const heard: unknown[] = [];
    await show(<Part />);
    const line = await open();
    a().client?.on("score" as "welcome", (score) => heard.push(score));
    line.say("score", { points: 3 });
    expect(heard).toEqual([{ type: "score", points: 3 }]);
  });
});
