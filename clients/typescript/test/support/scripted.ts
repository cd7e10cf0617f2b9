// A gateway that speaks only when the test says so, behind a WebSocket class that needs no network.
//
// Every interleaving of replies, pushes and broken lines becomes a plain sequence of lines in a test.

import { vi } from "vitest";
import { type Client, connect, type Options, type Socket } from "../../src/index.js";
import type { WireMessage } from "../../src/wire.js";

export const USER = { id: "7", name: "Ann", roles: ["admin"], anonymous: false };

const WELCOME = {
  protocol: 1,
  connection: "c1",
  user: USER,
  position: { epoch: "e", seq: 0 },
  heartbeat: 25,
  limits: {
    max_message: 65536,
    max_rooms: 100,
    max_subscriptions: 100,
    max_page: 1000,
    max_history: 100,
    max_ids: 100,
  },
  contract: "hash",
  a_property_of_a_newer_gateway: true,
};

/** The gateway's end of one connection. */
export class Line implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  /** What the client closed with; 0 if it said no code. */
  closed: number | undefined;
  readonly #unread: WireMessage[] = [];
  /** Of the subscriptions, as `subscribed` told them. */
  readonly #positions = new Map<unknown, unknown>();

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {}

  send(data: string): void {
    this.#unread.push(JSON.parse(data));
  }

  close(code = 0): void {
    this.closed = code;
  }

  /** The next message that the client sent. */
  take(type: string): WireMessage {
    const message = this.#unread.shift();
    if (message?.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
    return message;
  }

  /** The types of what the client sent and no `take` has seen. */
  get unread(): string[] {
    return this.#unread.map(({ type }) => type);
  }

  raw(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  say(type: string, fields: Record<string, unknown> = {}): void {
    if (type === "subscribed") this.#positions.set(fields.subscription, fields.position);
    this.raw(JSON.stringify({ type, ...fields }));
  }

  welcome(fields: object = {}): this {
    this.say("welcome", { ...WELCOME, ...fields });
    return this;
  }

  reply(request: WireMessage, type: string, fields: object = {}): void {
    this.say(type, { ref: request.ref, ...fields });
  }

  refuse(request: WireMessage, code: string, fields: object = {}): void {
    this.say("error", { ref: request.ref, code, message: `refused: ${code}`, temporary: false, ...fields });
  }

  /** The line ends; 1006 is how a browser names a line that just broke. */
  end(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason } as never);
  }

  join(room: string, fields: object = {}): WireMessage {
    const request = this.take("join");
    if (request.room !== room) throw new Error(`expected ${room}, got ${request.room}`);
    this.reply(request, "joined", {
      room,
      position: { epoch: "r", offset: 0 },
      recovered: false,
      replayed: 0,
      ...fields,
    });
    return request;
  }

  subscribe(subscription: string, mode: string, seq: number, epoch = "e", fields: object = {}): WireMessage {
    const request = this.take("subscribe");
    const position = { epoch, seq };
    this.reply(request, "subscribed", { subscription, resource: request.resource, position, mode, ...fields });
    return request;
  }

  /** A page; the last one is of the position that `subscribe` told, if nothing else is said. */
  snapshot(
    subscription: string,
    rows: object[],
    { reset = true, done = true, ...fields }: Record<string, unknown> = {},
  ): void {
    const position = done ? this.#positions.get(subscription) : undefined;
    this.say("snapshot", { subscription, rows, reset, done, position, ...fields });
  }

  update(subscription: string, action: string, data: object, seq: number, fields: object = {}): void {
    this.say("update", { subscription, resource: "users", action, data, position: { epoch: "e", seq }, ...fields });
  }
}

export class Scripted {
  readonly lines: Line[] = [];
  readonly WebSocket: NonNullable<Options["WebSocket"]>;

  constructor() {
    const { lines } = this;
    this.WebSocket = class extends Line {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        lines.push(this);
      }
    };
  }

  /** The line of the last attempt to connect. */
  get line(): Line {
    const line = this.lines.at(-1);
    if (!line) throw new Error("nobody connected");
    return line;
  }

  connect(options: Options = {}): Client {
    return connect("ws://gateway.test/ws", { WebSocket: this.WebSocket, ...options });
  }

  /** A client on an open line. */
  async open(options: Options = {}): Promise<{ client: Client; line: Line }> {
    const client = this.connect(options);
    await turn();
    return { client, line: this.line.welcome() };
  }

  /** The connection breaks; returns the next one, before its welcome. */
  async next(code: number): Promise<Line> {
    const count = this.lines.length;
    this.line.end(code);
    for (let waited = 0; this.lines.length === count && waited < 20_000; waited += 250) {
      await vi.advanceTimersByTimeAsync(250);
    }
    if (this.lines.length !== count + 1) throw new Error("the client did not come back once");
    return this.line;
  }

  /** The connection breaks, and the client is on a new one. */
  async reconnect(code = 4201): Promise<Line> {
    return (await this.next(code)).welcome();
  }
}

/** Let everything happen that takes no time. */
export async function turn(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** How a promise ends; it must have ended by now. */
export async function ended<T>(promise: Promise<T>): Promise<T | Error> {
  let outcome: T | Error | undefined;
  let over = false;
  promise.then(
    (value) => {
      outcome = value;
      over = true;
    },
    (error: Error) => {
      outcome = error;
      over = true;
    },
  );
  await turn();
  if (!over) throw new Error("it has not ended yet");
  return outcome as T | Error;
}
