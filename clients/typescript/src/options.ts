// What a program tells a client when it makes one, with the defaults, and the clock that the client lives by.
//
// Nothing here connects. Invariant: time and chance reach the client through `clock` and `random` alone.

import { InvalidOption } from "./errors.js";
import { bearer } from "./token.js";

/** As much of the browser's WebSocket as this client uses; `ws` and Node's WebSocket have it too. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols?: string[]) => Socket;

/** The time and the timers; tests replace them. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: never): void;
}

/** A JWT, or a function (plain or async) that the client asks for a fresh one before each connection; "" is no token. */
export type Token = string | (() => string | Promise<string>) | undefined;

/** The type of a property: its `format` where that changes how values compare, otherwise its JSON type. */
export type PropertyType =
  | "string"
  | "date-time"
  | "date"
  | "time"
  | "duration"
  | "uuid"
  | "int64"
  | "integer"
  | "number"
  | "boolean"
  | "array"
  | "object"
  | "any";

/** What the client needs of a resource to order, find and invent its rows. */
export interface ResourceShape {
  readonly key: readonly string[];
  readonly types: { readonly [property: string]: PropertyType };
  /** What a new row has where the program gives nothing. */
  readonly defaults?: { readonly [property: string]: unknown };
  /** The database makes the key of a new row. */
  readonly assigned?: true;
  /** Properties that have the time at which the row was made. */
  readonly now?: readonly string[];
}

export interface Options {
  /** Who the client is. The token never stands in the URL. */
  token?: Token;
  /**
   * Where an anonymous client keeps who it is, so that a reload of the page is the same user: in `sessionStorage` (this tab),
   * in `localStorage` (all tabs of the gateway's address), or nowhere.
   */
  identity?: "session" | "local" | "none" | undefined;
  /** `CONTRACT` of the generated `app.ts`: `console.warn` reports once a gateway that has another contract. */
  contract?: string | undefined;
  /** The key's properties of each resource whose key is not `id`: `{ memberships: ["user_id", "team"] }`. */
  keys?: Record<string, string | readonly string[]> | undefined;
  /** `RESOURCES` of the generated `app.ts`: the keys and types of all resources. */
  resources?: { readonly [resource: string]: ResourceShape } | undefined;
  /** Seconds after which a request without a reply fails, time offline included. */
  requestTimeout?: number | undefined;
  /** Seconds from the start of an attempt to connect, with the token function, until it is given up without a `welcome`. */
  openTimeout?: number | undefined;
  /** Requests and messages that may wait at once; more are refused. */
  maxWaiting?: number | undefined;
  /**
   * Over what the client speaks with the gateway. "auto": over a WebSocket, or over HTTP (events) where no WebSocket comes
   * about and HTTP does; with an option `WebSocket`, over that alone.
   */
  transport?: "auto" | "websocket" | "sse" | undefined;
  /** The WebSocket class, where there is no global one: `import WebSocket from "ws"`. */
  WebSocket?: SocketConstructor | undefined;
  /** The time and the timers, for tests. */
  clock?: Clock | undefined;
  /** A number from 0 to 1, for tests. */
  random?: (() => number) | undefined;
}

/** The options with every default filled in. */
export interface Settings extends Options {
  identity: "session" | "local" | "none";
  requestTimeout: number;
  openTimeout: number;
  maxWaiting: number;
  transport: "auto" | "websocket" | "sse";
  clock: Clock;
  random: () => number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // A timer of more than 2^31 ms would end at once.
  setTimeout: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, 2e9)),
  clearTimeout: (timer) => clearTimeout(timer),
};

const DEFAULTS: Settings & { [Name in keyof Required<Options>]: Options[Name] } = {
  token: undefined,
  identity: "session",
  contract: undefined,
  keys: undefined,
  resources: undefined,
  requestTimeout: 30,
  openTimeout: 10,
  maxWaiting: 1024,
  transport: "auto",
  WebSocket: undefined,
  clock: systemClock,
  random: () => Math.random(),
};

/** Fill the defaults in. Throws InvalidOption for a name that is no option and for a value that is out of range. */
export function settingsOf(options: Options): Settings {
  const settings: Settings = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (!(name in DEFAULTS)) throw new InvalidOption(`there is no option "${name}"`);
    if (value !== undefined) settings[name as "token"] = value;
    // Each number among the defaults is a time or a count.
    if (DEFAULTS[name as "maxWaiting"] > 0 && !(settings[name as "maxWaiting"] > 0))
      throw new InvalidOption(`${name} must be more than 0`);
  }
  if (!/^(auto|websocket|sse)$/.test(settings.transport)) throw new InvalidOption("transport: auto, websocket or sse");
  if (typeof settings.token !== "function") settings.token = bearer(settings.token);
  return settings;
}

/** The WebSocket class. The client looks it up at each connect, not when the module loads: Node 20 has no global one. */
export function socketConstructor(settings: Settings): SocketConstructor {
  const found = settings.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
  if (!found) {
    throw new Error("no WebSocket: npm install ws, option WebSocket");
  }
  return found;
}
