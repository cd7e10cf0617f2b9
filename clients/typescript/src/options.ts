// What a client can be told when it is made, and what it uses where nothing is said.

/** As much of the browser's WebSocket as this client uses; `ws` and Node's own have it too. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols?: string[]) => Socket;

/** Clock, timers and chance; tests replace them. */
export interface Environment {
  /** Milliseconds. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: never): void;
}

export interface Options {
  /** A JWT, or a function that gives a fresh one at each connect. It never stands in the URL. */
  token?: string | (() => string | Promise<string>);
  /** `CONTRACT` of the generated `app.ts`: a gateway with another contract is told once, by `console.warn`. */
  contract?: string;
  /** The WebSocket class, where there is no global one: `import WebSocket from "ws"`. */
  WebSocket?: SocketConstructor;
  /** Seconds after which a request without an answer fails. */
  timeout?: number;
  /** The key's properties of each resource whose key is not `id`: `{ memberships: ["user_id", "team"] }`. */
  keys?: Record<string, string | readonly string[]>;
  environment?: Environment;
}

export const TIMEOUT_S = 30;

export const systemEnvironment: Environment = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** Looked up at each connect, not when the module loads: Node 20 has no global WebSocket. */
export function socketConstructor(options: Options): SocketConstructor {
  const found = options.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
  if (!found) {
    throw new Error(
      'there is no WebSocket here: npm install ws, then connect(url, { WebSocket: (await import("ws")).default })',
    );
  }
  return found;
}
