// Plays a scenario of tests/clients/scenarios with the TypeScript client. `ScriptedPlayer` is the gateway too, `RealPlayer`
// needs a real one. The README there describes each step.

import { readdirSync, readFileSync } from "node:fs";
import { expect, vi } from "vitest";
import {
  type AppContract,
  type Client,
  type LiveQuery,
  type Options,
  type Room,
  resource,
  type TidegateError,
  type Token,
} from "../../src/index.js";
import { optimistic } from "../../src/optimistic/index.js";
import type { WireMessage } from "../../src/wire.js";
import { eventually } from "./eventually.js";
import type { Relay } from "./relay.js";
import { type Line, type Scripted, turn } from "./scripted.js";

type Fields = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: a step's arguments are JSON of any shape
type Rest = any[];
type Step = [name: string, ...rest: Rest];
type Steps = Record<string, (...rest: Rest) => unknown>;
type Outcome = { value: unknown } | { error: unknown };

export interface Scenario {
  name: string;
  outcome: string;
  options?: Omit<Options, "token"> & { token?: Token | (string | null)[] };
  welcome?: Fields;
  refused?: Fields;
  runs?: string[];
  chunk?: number;
  clients?: string[];
  optimistic?: boolean;
  steps: Step[];
}

const FOLDER = new URL("../../../../tests/clients/scenarios/", import.meta.url);
const ROOM = "chat-1";

/** Those that the TypeScript client plays against a "scripted" or a "real" gateway. */
export function scenarios(run: "scripted" | "real"): Scenario[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  const all: Scenario[] = files.sort().flatMap((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")));
  return all.filter(
    ({ runs = ["scripted"], clients = ["typescript"] }) => runs.includes(run) && clients.includes("typescript"),
  );
}

/** What the words of a scenario stand for that JSON can't say. */
function meant(value: unknown): unknown {
  if (value === "CYCLE") {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    return cycle;
  }
  const words: Fields = {
    LONG: "x".repeat(70_000),
    NAN: Number.NaN,
    INFINITY: Number.POSITIVE_INFINITY,
    FUNCTION: meant,
  };
  if (typeof value === "string") return value in words ? words[value] : value;
  if (Array.isArray(value)) return value.map(meant);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, meant(item)]));
}

/** `value` as `expect().toEqual` takes it: of objects, only the named properties matter. */
function shape(value: unknown): unknown {
  if (value === "ANY") return expect.anything();
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object" || value === null) return value;
  return expect.objectContaining(Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shape(item)])));
}

export function checkError(error: unknown, { class: name, violations, without, ...expected }: Fields): void {
  const { errors, ...about } = error as TidegateError & Fields;
  expect((error as Error).name).toBe(name);
  if (violations !== undefined) expect(errors).toHaveLength(violations as number);
  if (without !== undefined) expect(`${error} ${(error as Error).stack}`).not.toContain(without);
  for (const [property, value] of Object.entries(expected)) expect(about[property] ?? null).toEqual(value);
}

export function optionsOf({ options = {} }: Scenario): Options {
  const { token, ...others } = options;
  if (!Array.isArray(token)) return { ...others, token };
  const left = [...token];
  const next = () => {
    const given = left.shift();
    if (!given) throw new Error("the login service is down");
    return given;
  };
  return { ...others, token: next };
}

/** A contract with answers in parts, of which a scenario says the rest. */
interface OfParts extends AppContract {
  clientMessages: { count: Fields };
  replies: { count: Fields };
  partData: { count: unknown };
}

/** What the program does, and what comes of it. */
abstract class Player {
  protected readonly client: Client;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #lives = new Map<string, LiveQuery<Fields>>();
  readonly #statuses: string[] = [];
  #status: string;
  readonly #heard = new Map<string, Fields[]>();
  readonly #gaps = new Map<string, unknown[]>();
  readonly #followed = new WeakSet<Room>();

  constructor(client: Client) {
    this.client = client;
    this.#status = client.status;
    client.on("status", ({ status }) => {
      // An attempt that fails says once more that the client reconnects, another user that it is open.
      if (status !== this.#status) this.#statuses.push(status);
      this.#status = status;
    });
  }

  async play({ steps }: Scenario): Promise<void> {
    for (const [index, step] of steps.entries()) {
      const [name, ...rest] = meant(step) as Step;
      const taken = this.gateway[name] ?? this.#program[name];
      try {
        if (!taken) throw new Error(`there is no step "${name}"`);
        await taken(...rest);
        await this.passed();
      } catch (error) {
        (error as Error).message = `step ${index + 1}, ${JSON.stringify(step)}: ${(error as Error).message}`;
        throw error;
      }
    }
    this.client.close();
    await this.passed();
  }

  /** What the gateway does, and what passes. */
  protected abstract readonly gateway: Steps;
  /** After each step. */
  protected abstract passed(): Promise<void>;
  /** What a scenario expects is so, at once or, with a real gateway, after a while. */
  protected abstract check(check: () => void): Promise<void>;

  /** The token that a word of the scenario stands for. */
  protected token(word: string): string {
    return word.replace("TOKEN ", "token-of-");
  }

  /** The client's status is still this one. */
  protected abstract isNow(status: string): void;

  readonly #live = (name: string): LiveQuery<Fields> => this.#lives.get(name) as LiveQuery<Fields>;

  /** A room, whose messages are kept for the step "heard". */
  readonly #room = (name: string): Room => {
    const room = this.client.room(name) as Room;
    if (this.#followed.has(room)) return room;
    this.#followed.add(room);
    const heard = this.#heard.get(name) ?? [];
    this.#heard.set(name, heard);
    room.on("message", ({ data, replayed, gap }) => heard.push({ data, replayed, gap }));
    const gaps = this.#gaps.get(name) ?? [];
    this.#gaps.set(name, gaps);
    room.on("gap", (gap) => gaps.push(gap ?? {}));
    return room;
  };

  readonly #operations: Record<string, (...rest: Rest) => unknown> = {
    ping: () => this.client.ping(),
    request: (message, options) => this.client.request(message, options),
    stream: async (message, { take }) => {
      const parts: unknown[] = [];
      const stream = (this.client as unknown as Client<OfParts>).stream(message);
      for await (const part of stream) if (parts.push(part) === take) return { parts };
      return { parts, reply: await stream.reply };
    },
    send: (message) => this.client.send(message),
    authenticate: async (token) => {
      await this.client.authenticate(this.token(token));
    },
    join: (room, options) => this.#room(room).join(options),
    "room send": (room, data, options) => this.#room(room).send(data, options),
    leave: (room) => this.#room(room).leave(),
    history: (room, options) => this.#room(room).history(options),
    update: async (room, options) => {
      await this.#room(room).update(options);
    },
    list: (name, options) => resource(this.client, name).list(options),
    create: (name, data) => resource(this.client, name).create(data),
    change: (name, id, data, options) => resource(this.client, name).update(id, data, options),
    live: async (name, of, filters, options) => {
      const live = resource(this.client, of).subscribe({ filters, ...options });
      this.#lives.set(name, live);
      await live.loaded();
    },
    loaded: async (name) => {
      await this.#live(name).loaded();
    },
  };

  readonly #program: Steps = {
    start: (name: string, operation: string, ...rest: unknown[]) => {
      const work = this.#operations[operation];
      if (!work) throw new Error(`there is no operation "${operation}"`);
      const started = async () => work(...(operation === "live" ? [name, ...rest] : rest));
      started().then(
        (value) => this.#outcomes.set(name, { value }),
        (error: unknown) => this.#outcomes.set(name, { error }),
      );
    },
    "close client": () => this.client.close(),
    "close live": (name: string) => this.#live(name).close(),
    status: async (status: string) => {
      await this.check(() => expect(this.#statuses[0]).toBe(status));
      this.#statuses.shift();
      this.isNow(status);
    },
    user: (id: string) => expect(this.client.user?.id).toEqual(shape(id)),
    rows: async (name: string, rows: Fields[]) => {
      await this.check(() => {
        expect(this.#outcomes.get(name)).toEqual({ value: undefined });
        expect(this.#live(name).rows).toEqual(rows.map(shape));
      });
      expect(this.#live(name).ready).toBe(true);
    },
    standing: async (name: string, status: string, hasMore: boolean, since?: object) => {
      const live = this.#live(name);
      await this.check(() => expect([live.status, live.hasMore]).toEqual([status, hasMore]));
      if (since) expect(live.since).toEqual(since);
    },
    heard: async (room: string, messages: Fields[]) => {
      const heard = this.#heard.get(room) ?? [];
      await this.check(() => expect(heard).toEqual(messages.map(shape)));
      heard.length = 0;
    },
    gaps: async (room: string, gaps: Fields[]) => {
      const found = this.#gaps.get(room) ?? [];
      await this.check(() => expect(found).toEqual(gaps.map(shape)));
      found.length = 0;
    },
    "room status": (room: string, status: string) => this.check(() => expect(this.#room(room).status).toBe(status)),
    me: (room: string, member: Fields | null) =>
      this.check(() => expect(this.#room(room).me ?? null).toEqual(shape(member))),
    members: (room: string, members: Fields[]) =>
      this.check(() => expect(this.#room(room).members).toEqual(members.map(shape))),
    result: (name: string, value: unknown) =>
      this.check(() => {
        const outcome = this.#outcomes.get(name);
        expect(outcome).toHaveProperty("value");
        expect((outcome as { value: unknown }).value ?? null).toEqual(shape(value));
      }),
    error: async (name: string, expected: Fields) => {
      await this.check(() => expect(this.#outcomes.get(name)).toHaveProperty("error"));
      checkError((this.#outcomes.get(name) as { error: unknown }).error, expected);
    },
  };
}

/** Plays the gateway too: `line` is its end of the present connection. */
export class ScriptedPlayer extends Player {
  readonly #scripted: Scripted;
  #line: Line;
  #last: WireMessage = { type: "" };
  readonly #kept = new Map<string, WireMessage>();
  #welcome: Fields | null;

  private constructor(scripted: Scripted, client: Client, line: Line, welcome: Fields) {
    super(client);
    this.#scripted = scripted;
    this.#line = line;
    this.#welcome = welcome;
  }

  static async of(scenario: Scenario, scripted: Scripted): Promise<ScriptedPlayer> {
    const client = scripted.connect({ random: () => 0.5, ...optionsOf(scenario) });
    if (scenario.optimistic) optimistic(client);
    await turn();
    const { welcome = {} } = scenario;
    return new ScriptedPlayer(scripted, client, scripted.line.welcome(welcome), welcome);
  }

  protected passed(): Promise<void> {
    return turn();
  }

  protected async check(check: () => void): Promise<void> {
    check();
  }

  protected isNow(status: string): void {
    expect(this.client.status).toBe(status);
  }

  protected readonly gateway: Steps = {
    expect: (subset: WireMessage) => {
      this.#last = this.#line.take(subset.type);
      expect(this.#last).toMatchObject(subset);
    },
    "expect again": () => expect(this.#line.take(this.#last.type)).toEqual(this.#last),
    has: (name: string) => expect(this.#last[name]).toBeTruthy(),
    lacks: (name: string) => expect(this.#last).not.toHaveProperty(name),
    "nothing sent": () => expect(this.#line.unread).toEqual([]),
    token: (token: string | null) =>
      expect(this.#line.protocols.filter((name) => name.startsWith("bearer."))).toEqual(
        token ? [`bearer.${token}`] : [],
      ),
    keep: (name: string) => this.#kept.set(name, this.#last),
    answer: (name: string, message: WireMessage) =>
      this.#line.reply(this.#kept.get(name) as WireMessage, message.type, message),
    reply: (message: WireMessage) => this.#line.reply(this.#last, message.type, message),
    push: (message: WireMessage) => this.#line.say(message.type, message),
    raw: (text: string) => this.#line.raw(text),
    close: (code: number) => this.#line.end(code),
    break: () => this.#line.end(),
    welcome: (fields: Fields | null) => {
      this.#welcome = fields;
    },
    greet: () => this.#line.welcome(),
    dropped: () => expect(this.#line.closed).toBeDefined(),
    settle: () => {},
    elapse: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000),
    pass: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000),
    sleep: (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000),
    wait: async (seconds: number) => {
      const { lines } = this.#scripted;
      const accepted = lines.indexOf(this.#line) + 1;
      if (seconds > 0) {
        await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
        expect(lines).toHaveLength(accepted);
        await vi.advanceTimersByTimeAsync(1);
      }
      expect(lines).toHaveLength(accepted + 1);
      this.#line = this.#scripted.line;
      if (this.#welcome) this.#line.welcome(this.#welcome);
    },
  };
}

const GATEWAY = [
  "expect",
  "expect again",
  "has",
  "lacks",
  "nothing sent",
  "token",
  "reply",
  "push",
  "raw",
  "welcome",
  "keep",
  "answer",
];
const PASSING = ["settle", "elapse", "pass", "wait"];

/** Leaves to a real gateway what it does by itself. The connection runs through `relay`, which can break it. */
export class RealPlayer extends Player {
  readonly #relay: Relay;
  readonly #tokenOf: (user: string) => string;

  constructor(relay: Relay, client: Client, tokenOf: (user: string) => string) {
    super(client);
    this.#relay = relay;
    this.#tokenOf = tokenOf;
  }

  protected override token(word: string): string {
    return this.#tokenOf(word.replace("TOKEN ", ""));
  }

  protected async passed(): Promise<void> {}

  protected check(check: () => void): Promise<void> {
    return eventually(check);
  }

  protected isNow(): void {
    // It may have changed again.
  }

  protected readonly gateway: Steps = {
    ...Object.fromEntries([...GATEWAY, ...PASSING].map((name) => [name, () => {}])),
    break: () => this.#relay.cut(),
    close: () => this.#relay.cut(),
  };
}

/** `scenario` in a room that no other run uses. */
export function ownRoom(scenario: Scenario, over = ""): Scenario {
  const name = `chat-typescript-${over}${scenario.name.replace(/\W+/g, "-").slice(0, 40)}`;
  return JSON.parse(JSON.stringify(scenario).replaceAll(JSON.stringify(ROOM), JSON.stringify(name)));
}
