// Who a client is: an anonymous user across reloads, tokens and token functions, and what their failures show.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Options, Status, TidegateError } from "../src/index.js";
import { ended, Scripted, turn, USER } from "./support/scripted.js";

const guest = (number: number) => ({ id: `anon-${number}`, name: `Guest ${number}`, roles: [], anonymous: true });
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl";

let gateway: Scripted;

/** As much of the storage of a page as there is to it. */
function storage(): Storage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const getItem = (key: string) => kept.get(key) ?? null;
  return { kept, getItem, setItem: (key: string, value: string) => void kept.set(key, value) } as never;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  gateway = new Scripted();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("an anonymous user across reloads", () => {
  let session: ReturnType<typeof storage>;
  let local: ReturnType<typeof storage>;

  beforeEach(() => {
    session = storage();
    local = storage();
    vi.stubGlobal("location", { href: "https://app.test/chat" });
    vi.stubGlobal("sessionStorage", session);
    vi.stubGlobal("localStorage", local);
  });

  /** A page that connects; the gateway makes the client guest `number`. */
  async function page(number: number, options: Options = {}) {
    const client = gateway.connect(options);
    await turn();
    return { client, line: gateway.line.welcome({ user: guest(number), identity: `signed-${number}` }) };
  }

  it("is the same user in the same tab", async () => {
    const { client } = await page(1);
    client.close();
    const { client: again, line } = await page(2);
    const request = line.take("authenticate");
    expect(request.token).toBe("signed-1");
    line.reply(request, "authenticated", { user: guest(1) });
    expect([again.user?.id, again.status]).toEqual(["anon-1", "open"]);
    expect([...session.kept]).toEqual([["tidegate:ws://gateway.test", "signed-1"]]);
    expect(local.kept.size).toBe(0);
  });

  it("is another user at another gateway, and in another tab", async () => {
    await page(1);
    const { line } = await page(2, { identity: "local" });
    expect(line.unread).toEqual([]);
    expect([...local.kept.values()]).toEqual(["signed-2"]);
    session.kept.clear();
    expect((await page(3)).line.unread).toEqual([]);
  });

  it("is kept nowhere where the program wants none", async () => {
    await page(1, { identity: "none" });
    expect([session.kept.size, local.kept.size]).toEqual([0, 0]);
    expect((await page(2, { identity: "none" })).line.unread).toEqual([]);
  });

  it("is the new user where the gateway refuses the old identity, without an error", async () => {
    await page(1);
    const { client, line } = await page(2);
    const heard = vi.fn();
    client.on("error", heard);
    client.on("status", heard);
    line.refuse(line.take("authenticate"), "unauthenticated");
    expect(client.user?.id).toBe("anon-2");
    expect(heard.mock.calls).toEqual([[{ status: "open", error: undefined }]]);
    expect([...session.kept.values()]).toEqual(["signed-2"]);
  });

  it("stays the old user where the gateway cannot take the identity for the moment, and comes back", async () => {
    await page(1);
    const { client, line } = await page(2);
    line.refuse(line.take("authenticate"), "rate_limited", { temporary: true });
    expect([client.status, line.closed !== undefined]).toEqual(["reconnecting", true]);
    expect([...session.kept.values()]).toEqual(["signed-1"]);
    const next = (await gateway.next(1006)).welcome({ user: guest(3), identity: "signed-3" });
    const request = next.take("authenticate");
    expect(request.token).toBe("signed-1");
    next.reply(request, "authenticated", { user: guest(1) });
    expect([client.user?.id, client.status]).toEqual(["anon-1", "open"]);
  });

  it("does not matter to a client with a token", async () => {
    await page(1);
    const client = gateway.connect({ token: "t" });
    await turn();
    expect(gateway.line.welcome().unread).toEqual([]);
    expect(client.user).toEqual(USER);
    expect([...session.kept.values()], "a later anonymous client is guest 1 again").toEqual(["signed-1"]);
  });

  it.each<[string, () => void]>([
    ["forbids the page its storage", () => vi.stubGlobal("sessionStorage", undefined)],
    [
      "throws when the page looks at it",
      () => {
        Object.defineProperty(globalThis, "sessionStorage", {
          configurable: true,
          get: () => {
            throw new Error("SecurityError");
          },
        });
      },
    ],
    [
      "is full",
      () => {
        session.setItem = () => {
          throw new Error("QuotaExceededError");
        };
      },
    ],
    ["is not there, and no page either", () => vi.stubGlobal("location", undefined)],
  ])("costs nothing but memory where the storage %s", async (_, change) => {
    change();
    const { client } = await page(1);
    expect([client.status, client.user?.id]).toEqual(["open", "anon-1"]);
    const line = (await gateway.next(4201)).welcome({ user: guest(2), identity: "signed-2" });
    line.reply(line.take("authenticate"), "authenticated", { user: guest(1) });
    expect(client.user?.id).toBe("anon-1");
  });
});

describe("a token", () => {
  it.each(["two words", "line\nfeed", '"quoted"', "käse", "[object Response]", "<!doctype html>"])(
    "that cannot be one is refused without being shown: %j",
    async (token) => {
      expect(() => gateway.connect({ token })).toThrow(/one word/);
      const told: (TidegateError | undefined)[] = [];
      const client = gateway.connect({ token: () => token });
      client.on("status", ({ error }) => told.push(error));
      await turn();
      expect(told).toMatchObject([{ code: "token_failed" }]);
      expect(`${told[0]?.message}`).not.toContain(token);
      expect(gateway.lines).toHaveLength(0);
    },
  );

  it("is not shown in what a token function throws", async () => {
    const told: (TidegateError | undefined)[] = [];
    const client = gateway.connect({
      token: () => Promise.reject(new Error(`cannot refresh ${JWT}`)),
    });
    client.on("status", ({ error }) => told.push(error));
    await turn();
    expect(told[0]?.message).toBe("the token function failed: cannot refresh ...");
  });

  it.each([undefined, null, ""])("is none where the function gives %j", async (given) => {
    gateway.connect({ token: () => given as never });
    await turn();
    expect(gateway.line.protocols).toEqual(["tidegate.v1"]);
  });
});

describe("a token function that fails", () => {
  it("is told with each status until it gives a token, and requests wait", async () => {
    const heard: [Status, string | undefined][] = [];
    const answers: (string | Error)[] = [new Error("GET /token: 500"), new Error("GET /token: 502"), "fresh"];
    const client = gateway.connect({
      token: () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer ?? "more";
      },
    });
    client.on("status", ({ status, error }) => heard.push([status, error?.message]));
    const asked = client.ping();
    const joined = client.join("a");
    await vi.advanceTimersByTimeAsync(2_000);
    gateway.line.welcome();
    expect(heard).toEqual([
      ["reconnecting", "the token function failed: GET /token: 500"],
      ["reconnecting", "the token function failed: GET /token: 502"],
      ["open", undefined],
    ]);
    gateway.line.reply(gateway.line.take("ping"), "pong", { time: 5 });
    gateway.line.join("a");
    expect(await ended(asked)).toBe(5);
    expect((await joined).name).toBe("a");
  });
});

describe("authenticate", () => {
  it("through `request` changes the user as the method does", async () => {
    const { client, line } = await gateway.open({ token: "old" });
    const asked = client.request({ type: "authenticate", token: "new" });
    line.reply(line.take("authenticate"), "authenticated", { user: { ...USER, id: "8" } });
    await asked;
    expect(client.user?.id).toBe("8");
    expect((await gateway.reconnect()).protocols[1]).toBe("bearer.new");
  });
});
