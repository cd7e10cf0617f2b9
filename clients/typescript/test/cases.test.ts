// The cases that both clients share (tests/clients/cases.json), played by the TypeScript client. The Python client plays
// them too.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, type LiveQuery, type Options, type Room, resource, type TidegateError } from "../src/index.js";
import type { WireMessage } from "../src/wire.js";
import { type Line, Scripted, turn } from "./support/scripted.js";

type Fields = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: a step's arguments are JSON of any shape
type Step = [name: string, ...rest: any[]];
interface Case {
  name: string;
  outcome: string;
  options?: Options;
  welcome?: Fields;
  refused?: Fields;
  steps: Step[];
}
type Outcome = { value: unknown } | { error: unknown };

const text = readFileSync(new URL("../../../tests/clients/cases.json", import.meta.url), "utf8");
const CASES: Case[] = JSON.parse(text.replace('"LONG"', JSON.stringify("x".repeat(70_000))));

function checkError(error: unknown, { class: name, violations, ...expected }: Fields): void {
  const { errors, ...about } = error as TidegateError & Fields;
  expect((error as Error).name).toBe(name);
  if (violations !== undefined) expect(errors).toHaveLength(violations as number);
  for (const [property, value] of Object.entries(expected)) expect(about[property] ?? null).toEqual(value);
}

/** Carries out the steps of one case: the client is open, `line` is the gateway's end. */
class Player {
  readonly #outcomes = new Map<string, Outcome>();
  readonly #lives = new Map<string, LiveQuery<Fields>>();
  readonly #statuses: string[] = [];
  readonly #gateway: Scripted;
  readonly #client: Client;
  #line: Line;
  #last: WireMessage = { type: "" };
  #welcome: Fields = {};

  constructor(gateway: Scripted, client: Client, line: Line) {
    this.#gateway = gateway;
    this.#client = client;
    this.#line = line;
    client.on("status", ({ status }) => this.#statuses.push(status));
  }

  async play([name, ...rest]: Step): Promise<void> {
    const step = this.#steps[name];
    if (!step) throw new Error(`there is no step "${name}"`);
    await step(...rest);
    await turn();
  }

  readonly #room = (name: string): Room => this.#client.room(name);
  readonly #live = (name: string): LiveQuery<Fields> => this.#lives.get(name) as LiveQuery<Fields>;

  // biome-ignore lint/suspicious/noExplicitAny: a step's arguments are JSON of any shape
  readonly #operations: Record<string, (...rest: any[]) => unknown> = {
    ping: () => this.#client.ping(),
    request: (message, options) => this.#client.request(message, options),
    send: (message) => this.#client.send(message),
    authenticate: (token) => this.#client.authenticate(token),
    join: (room, options) => this.#client.join(room, options),
    "room send": (room, data, options) => this.#room(room).send(data, options),
    leave: (room) => this.#room(room).leave(),
    history: (room, options) => this.#room(room).history(options),
    update: (room, options) => this.#room(room).update(options),
    list: (name, options) => resource(this.#client, name).list(options),
    create: (name, data) => resource(this.#client, name).create(data),
    live: async (name, of, filters) => {
      const live = resource(this.#client, of).subscribe({ filters });
      this.#lives.set(name, live);
      await live.loaded();
    },
    loaded: (name) => this.#live(name).loaded(),
  };

  // biome-ignore lint/suspicious/noExplicitAny: a step's arguments are JSON of any shape
  readonly #steps: Record<string, (...rest: any[]) => unknown> = {
    // What the program does
    start: (name: string, operation: string, ...rest: unknown[]) => {
      const work = async () => this.#operations[operation]?.(...(operation === "live" ? [name, ...rest] : rest));
      work().then(
        (value) => this.#outcomes.set(name, { value }),
        (error: unknown) => this.#outcomes.set(name, { error }),
      );
    },
    "close client": () => this.#client.close(),
    "close live": (name: string) => this.#live(name).close(),
    // What the gateway does
    expect: (subset: WireMessage) => {
      this.#last = this.#line.take(subset.type);
      expect(this.#last).toMatchObject(subset);
    },
    "expect again": () => expect(this.#line.take(this.#last.type)).toEqual(this.#last),
    has: (name: string) => expect(this.#last[name]).toBeTruthy(),
    reply: (message: WireMessage) => this.#line.reply(this.#last, message.type, message),
    push: (message: WireMessage) => this.#line.say(message.type, message),
    close: (code: number) => this.#line.end(code),
    break: () => this.#line.end(),
    welcome: (fields: Fields) => {
      this.#welcome = fields;
    },
    // What passes, and what comes of it
    settle: () => {},
    elapse: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000),
    wait: async (seconds: number) => {
      const { lines } = this.#gateway;
      const accepted = lines.indexOf(this.#line) + 1;
      if (seconds > 0) {
        await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
        expect(lines).toHaveLength(accepted);
        await vi.advanceTimersByTimeAsync(1);
      }
      expect(lines).toHaveLength(accepted + 1);
      this.#line = this.#gateway.line.welcome(this.#welcome);
    },
    status: (status: string) => {
      expect(this.#statuses.shift()).toBe(status);
      expect(this.#client.status).toBe(status);
    },
    user: (id: string) => expect(this.#client.user?.id).toBe(id),
    rows: (name: string, rows: Fields[]) => {
      expect(this.#outcomes.get(name)).toEqual({ value: undefined });
      expect([this.#live(name).rows, this.#live(name).ready]).toEqual([rows, true]);
    },
    result: (name: string, value: unknown) => {
      const outcome = this.#outcomes.get(name);
      expect(outcome).toHaveProperty("value");
      expect((outcome as { value: unknown }).value ?? null).toEqual(value);
    },
    error: (name: string, expected: Fields) => {
      const outcome = this.#outcomes.get(name);
      expect(outcome).toHaveProperty("error");
      checkError((outcome as { error: unknown }).error, expected);
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("cases of both clients", () => {
  it.each(CASES.filter(({ refused }) => !refused))("$name", async ({ options = {}, welcome = {}, steps }) => {
    const gateway = new Scripted();
    const client = gateway.connect({ random: () => 0.5, ...options });
    await turn();
    const line = gateway.line.welcome(welcome);
    const player = new Player(gateway, client, line);
    for (const [index, step] of steps.entries()) {
      await player.play(step).catch((error: Error) => {
        error.message = `step ${index + 1}, ${JSON.stringify(step).slice(0, 200)}: ${error.message}`;
        throw error;
      });
    }
    client.close();
    await turn();
  });

  it.each(CASES.filter(({ refused }) => refused))("$name", ({ options, refused = {} }) => {
    const gateway = new Scripted();
    try {
      gateway.connect(options);
    } catch (error) {
      checkError(error, refused);
      return;
    }
    throw new Error("the client took the options");
  });
});
