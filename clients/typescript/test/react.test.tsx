// @vitest-environment happy-dom
// The React hook under StrictMode: rows on the page, one socket for all, and nothing left behind.

import { act, fireEvent, screen } from "@testing-library/react";
import { StrictMode, useEffect } from "react";
import { describe, expect, it, vi } from "vitest";
import type { AnyApp } from "../src/index.js";
import { type State, type UseWebSocket, useWebSocket } from "../src/react/index.js";
import { settle, show, stage, URL } from "./support/page.js";

const here = stage();
const names = (name = "list") => [...screen.getByTestId(name).children].map((child) => child.textContent);

function Users({ url = URL, name = "list" }) {
  const { data, subscribe, send } = useWebSocket(url);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as the guide shows it; `subscribe` never changes
  useEffect(() => {
    subscribe("users", { status: "active" });
  }, []);
  return (
    <ul data-testid={name} onClick={() => send({ type: "message", room: "a", data: "hello" })} onKeyDown={() => {}}>
      {data.map((user) => (
        <li key={user.id}>{user.name}</li>
      ))}
    </ul>
  );
}

async function open() {
  act(() => void here.gateway.line.welcome());
  await settle();
  return here.gateway.line;
}

/** Answer every `subscribe` with the same rows. */
async function rows(...people: string[]) {
  const { line } = here.gateway;
  act(() => {
    line.subscribe("s1", "snapshot", 5);
    line.snapshot(
      "s1",
      people.map((name, id) => ({ id, name })),
    );
  });
  await settle();
}

describe("useWebSocket", () => {
  it("shows the rows of what is subscribed to, and every change to them", async () => {
    await show(<Users />);
    expect(names()).toEqual([]);
    const line = await open();
    await rows("Ann", "Bob");
    expect(names()).toEqual(["Ann", "Bob"]);
    act(() => line.update("s1", "update", { id: 1, name: "Bert" }, 6));
    await settle();
    act(() => line.update("s1", "delete", { id: 0 }, 7));
    await settle();
    expect(names()).toEqual(["Bert"]);
  });

  it("opens one socket and subscribes once although StrictMode runs effects twice", async () => {
    await show(<Users />);
    const line = await open();
    expect(here.gateway.lines).toHaveLength(1);
    expect(line.take("subscribe")).toMatchObject({ resource: "users", filters: { status: "active" }, snapshot: true });
    expect([line.unread, line.closed]).toEqual([[], undefined]);
  });

  it("shares socket and rows between components, also with one that comes when all is open", async () => {
    const page = await show(<Users />);
    const line = await open();
    await rows("Ann");
    page.rerender(
      <StrictMode>
        <Users />
        <Users name="second" />
      </StrictMode>,
    );
    await settle();
    expect([names(), names("second")]).toEqual([["Ann"], ["Ann"]]);
    expect([here.gateway.lines.length, line.unread]).toEqual([1, []]);
    page.rerender(
      <StrictMode>
        <Users />
      </StrictMode>,
    );
    await settle();
    act(() => line.update("s1", "create", { id: 5, name: "Eve" }, 6));
    await settle();
    expect([names(), line.unread, line.closed]).toEqual([["Ann", "Eve"], [], undefined]);
  });

  it("closes the socket when the last component is unmounted", async () => {
    const page = await show(<Users />);
    const line = await open();
    await rows("Ann");
    page.unmount();
    expect(line.closed, "StrictMode might mount it again").toBeUndefined();
    await settle();
    expect(line.closed).toBe(1000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([here.gateway.lines.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it("goes over to another gateway with its url", async () => {
    const page = await show(<Users />);
    const old = await open();
    await rows("Ann");
    page.rerender(
      <StrictMode>
        <Users url="ws://elsewhere.test/ws" />
      </StrictMode>,
    );
    await settle();
    expect([names(), old.closed, here.gateway.lines.length]).toEqual([[], 1000, 2]);
    await open();
    await rows("Zoe");
    expect(names()).toEqual(["Zoe"]);
  });

  it("keeps its rows on the page while the connection is broken", async () => {
    await show(<Users />);
    await open();
    await rows("Ann");
    act(() => here.gateway.line.end());
    await act(() => vi.advanceTimersByTimeAsync(1000));
    expect([names(), here.gateway.lines.length]).toEqual([["Ann"], 2]);
    const line = await open();
    expect(line.take("subscribe").since).toEqual({ epoch: "e", seq: 5 });
  });

  it("sends messages, also before the connection is open", async () => {
    await show(<Users />);
    fireEvent.click(screen.getByTestId("list"));
    const line = await open();
    line.take("subscribe");
    expect(line.take("message")).toMatchObject({ room: "a", data: "hello" });
  });
});

describe("rooms and errors of the hook", () => {
  let state: State;
  let use: UseWebSocket<AnyApp>;

  function Room({ filters = {}, token = "" }: { filters?: object; token?: string }) {
    const socket = useWebSocket(URL, token ? { token: () => token } : {});
    state = socket;
    use = socket;
    const { subscribe, join } = socket;
    useEffect(() => join("a", { status: "away" }), [join]);
    // biome-ignore lint/correctness/useExhaustiveDependencies: the name of the filters says when they change
    useEffect(() => subscribe("users", filters as Record<string, unknown>), [JSON.stringify(filters)]);
    return null;
  }

  const PERSON = { id: "7", name: "Ann", status: "online", connections: 1, since: 1 };
  const SAID = { room: "a", from: "8", sender: { id: "8", name: "Bob" }, time: 1 };

  it("gets each message once and knows the members", async () => {
    await show(<Room />);
    const line = await open();
    expect(line.join("a", { users: [PERSON] })).toMatchObject({ status: "away" });
    expect(line.unread).toEqual(["subscribe"]);
    act(() => line.say("message", { ...SAID, data: "hello", position: { epoch: "r", offset: 1 } }));
    await settle();
    expect(state.messages.map(({ data }) => data)).toEqual(["hello"]);
    expect(state.presence).toEqual({ a: [PERSON] });
    expect(state.presence.constructor).toBeUndefined();
    expect([state.status, state.user?.name]).toEqual(["open", "Ann"]);
    act(() => use.send({ type: "leave", room: "a" }));
    await settle();
    line.take("subscribe");
    expect(line.take("leave").room).toBe("a");
    expect(state.presence).toEqual({});
    expect(state.presence.toString).toBeUndefined();
  });

  it("keeps the last 200 messages, and every one that the component has not rendered yet", async () => {
    await show(<Room />);
    const line = await open();
    line.join("a");
    const say = (from: number, to: number) =>
      act(() => {
        for (let offset = from; offset <= to; offset += 1)
          line.say("message", { ...SAID, data: offset, position: { epoch: "r", offset } });
      });
    say(1, 500);
    expect([state.messages.length, state.messages[0]?.data]).toEqual([500, 1]);
    say(501, 501);
    expect([state.messages.length, state.messages[0]?.data]).toEqual([200, 302]);
  });

  it("leaves its rooms when it is unmounted, unless another component is in them", async () => {
    const page = await show([<Room key="1" />, <Room key="2" />, <Users key="3" />]);
    const line = await open();
    line.join("a");
    line.take("subscribe");
    line.take("subscribe");
    page.rerender(<StrictMode>{[<Room key="1" />, <Users key="3" />]}</StrictMode>);
    await settle();
    expect(line.unread).toEqual([]);
    page.rerender(<StrictMode>{[<Users key="3" />]}</StrictMode>);
    await settle();
    expect(line.unread).toContain("leave");
  });

  it("changes what it subscribes to", async () => {
    const page = await show(<Room filters={{ status: "active" }} />);
    const line = await open();
    line.join("a");
    await rows("Ann");
    expect(state.data).toEqual([{ id: 0, name: "Ann" }]);
    page.rerender(
      <StrictMode>
        <Room filters={{ status: "inactive" }} />
      </StrictMode>,
    );
    await settle();
    expect([state.data, state.ready]).toEqual([[], false]);
    await act(() => vi.advanceTimersByTimeAsync(5000)); // no answer may be on the way
    line.subscribe("s2", "snapshot", 6);
    expect(line.take("unsubscribe").subscription).toBe("s1");
  });

  it("subscribes once however often it is asked, and ends it once", async () => {
    await show(<Room />);
    const line = await open();
    line.join("a");
    const end = use.subscribe("users");
    use.subscribe("users", {});
    await rows("Ann");
    expect([state.data.length, line.unread]).toEqual([1, []]);
    act(() => end());
    await act(() => vi.advanceTimersByTimeAsync(5000));
    expect([state.data, line.unread]).toEqual([[], ["unsubscribe"]]);
  });

  it("shows a refusal until the rows are there", async () => {
    await show(<Room />);
    const line = await open();
    line.join("a");
    act(() => line.refuse(line.take("subscribe"), "unavailable", { temporary: true }));
    expect(state.error).toMatchObject({ code: "unavailable" });
    await act(() => vi.advanceTimersByTimeAsync(2000));
    await rows("Ann");
    expect(state.error).toBeUndefined();
    act(() => line.end(4003));
    expect([state.status, state.error?.name]).toEqual(["closed", "ConnectionRefused"]);
  });

  it("throws nothing after the end of the client", async () => {
    await show(<Room />);
    const line = await open();
    act(() => line.end(4003));
    act(() => {
      use.send({ type: "ping" });
      use.subscribe("tasks");
      use.join("b");
    });
    expect(state.error).toMatchObject({ name: "ConnectionRefused", closeCode: 4003 });
  });

  it("does not share a client between a user with a token and one without", async () => {
    await show([<Room key="1" token="t" />, <Users key="2" />]);
    expect(here.gateway.lines.map(({ protocols }) => protocols.length).sort()).toEqual([1, 2]);
  });

  it("gives functions that never change", async () => {
    const page = await show(<Room />);
    const { subscribe, unsubscribe, send, join, leave } = use;
    await open();
    page.rerender(
      <StrictMode>
        <Room filters={{ name: "x" }} />
      </StrictMode>,
    );
    expect(use).toMatchObject({ subscribe, unsubscribe, send, join, leave });
    expect(use.subscribe).toBe(subscribe);
  });
});
