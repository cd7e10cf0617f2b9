// A connection without WebSockets: the gateway's messages come as the events of one long response, and the client's own go
// out in requests. It has the face of a WebSocket, so that all of the client works over it.
//
// fetch() reads it, because an EventSource sends no Authorization. A stream that a client chose by itself has one WebSocket
// tried beside it, because the gateway may have been away when others failed.
// Invariant: messages go out in the order of `send`, one request at a time, and no URL holds a token.

import type { Socket } from "../options.js";

const BROKEN = 1006;
/** The event after which a client keeps what it says for its next connection, and connects at once when this ends. */
const GOODBYE = 'data: {"type":"goodbye","code":1012,"reason":""}';
/** How long what was said before is answered. */
const ANSWERS_MS = 1000;
const TOO_MANY_REQUESTS = 429;

export class EventSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly #url: string;
  /** Tries a WebSocket. */
  readonly #compare: (() => void) | undefined;
  #other: WebSocket | undefined;
  readonly #reading = new AbortController();
  /** Proves who the user is; an anonymous user gets it with the welcome. */
  #token: string | undefined;
  /** The token of an `authenticate` that is not answered. */
  #asked: string | undefined;
  /** The id of the session, told with its first event. */
  #session = "";
  /** Characters that fit into a request for sure. */
  #room = 0;
  readonly #queue: string[] = [];
  #posting: Promise<void> | undefined;
  #over = false;

  /**
   * `url`: that of the WebSocket; `protocols`: its subprotocols, of which one may hold the token. `unblocked`: called when a
   * WebSocket comes about, shortly before this ends; without it none is tried.
   */
  constructor(url: string, protocols: string[] = [], unblocked?: () => void) {
    const { href } = new URL(url, globalThis.location?.href);
    const broken = () => this.#end();
    if (unblocked) {
      this.#compare = () => {
        const other = new WebSocket(href, protocols);
        this.#other = other;
        other.onerror = () => {};
        other.onmessage = async () => {
          unblocked();
          this.#event(GOODBYE);
          await this.#posting;
          setTimeout(broken, ANSWERS_MS);
        };
      };
    }
    this.#url = new URL("sse", href).href.replace(/^ws/, "http");
    this.#token = protocols.find((each) => each.startsWith("bearer."))?.slice(7);
    globalThis.addEventListener?.("pagehide", this.#hidden);
    this.#read().then(broken, broken);
  }

  send(data: string): void {
    if (data.startsWith('{"type":"authenticate"')) this.#asked = JSON.parse(data).token;
    this.#queue.push(data);
    this.#posting ??= this.#post();
  }

  close(): void {
    if (this.#over) return;
    this.#finish();
    void this.#leave();
  }

  // -- what the gateway says ------------------------------------------------------------------------------------------

  async #read(): Promise<void> {
    const response = await this.#fetch("", { cache: "no-store", signal: this.#reading.signal });
    if (!response.ok) return;
    const reader = (response.body as ReadableStream).pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop() as string;
      for (const event of events) this.#event(event);
    }
  }

  #event(text: string): void {
    const { id, event, data } = Object.fromEntries(text.split("\n").map((line) => line.split(/: (.*)/s)));
    if (id) this.#session = id;
    if (this.#over || !data) return;
    if (event === "close") {
      const { code, reason } = JSON.parse(data);
      this.#end(code, reason);
      return;
    }
    if (/^{"type":"(welcome|authenticated|identity)"/.test(data)) this.#identified(JSON.parse(data));
    this.onmessage?.({ data } as never);
  }

  /** Who the user is from now on. */
  #identified({ type, identity, token, limits }: Record<string, never>): void {
    this.#token = identity ?? (type === "authenticated" ? this.#asked : token) ?? this.#token;
    this.#room = (limits as { max_message: number } | undefined)?.max_message ?? this.#room;
    if (type === "welcome") this.#compare?.();
  }

  // -- what the client says -------------------------------------------------------------------------------------------

  async #post(): Promise<void> {
    await undefined; // what is sent in this turn goes out together
    try {
      while (this.#queue.length) {
        const batch = [this.#queue.shift() as string];
        // A character takes three bytes at most.
        for (let size = batch[0]?.length ?? 0; this.#queue[0]; batch.push(this.#queue.shift() as string)) {
          size += this.#queue[0].length + 2;
          if (size * 3 > this.#room) break;
        }
        await this.#say(batch.length > 1 ? `[${batch}]` : (batch[0] as string));
      }
    } catch {
      this.#end();
    }
    this.#posting = undefined;
  }

  async #say(body: string): Promise<void> {
    for (;;) {
      const headers = { "Content-Type": "application/json" };
      const response = await this.#fetch(`/${this.#session}`, { method: "POST", body, headers });
      if (response.ok) return;
      if (response.status !== TOO_MANY_REQUESTS || this.#over) throw response;
      // Nothing of it was taken.
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }

  #fetch(path: string, { headers, ...init }: RequestInit): Promise<Response> {
    const authorization = this.#token && { Authorization: `Bearer ${this.#token}` };
    return fetch(this.#url + path, { ...init, headers: { ...(headers as object), ...authorization } });
  }

  // -- the end --------------------------------------------------------------------------------------------------------

  /**
   * The page is left: nothing of it may wait, and its user is gone for others at once. A page that comes back from the
   * browser's cache connects again.
   */
  readonly #hidden = (event: Event): void => {
    const told = this.#session ? this.#delete().catch(() => {}) : undefined;
    // A stream that ends first looks broken to the gateway, which then waits for its user. The browser's cache takes no
    // page that still reads.
    this.#end(BROKEN, "", (event as PageTransitionEvent).persisted ? undefined : told);
  };

  #delete(): Promise<Response> {
    return this.#fetch(`/${this.#session}`, { method: "DELETE", keepalive: true });
  }

  /** What was sent before still goes out. The gateway ends the stream when it has done that: it would drop it otherwise. */
  async #leave(): Promise<void> {
    try {
      await this.#posting;
      if (this.#session && (await this.#delete()).ok) return;
    } catch {} // the gateway finds out by itself
    this.#reading.abort();
  }

  /** `told`: what the reading waits for. */
  #end(code = BROKEN, reason = "", told?: Promise<unknown>): void {
    this.#queue.length = 0;
    if (this.#over) return;
    this.#finish();
    if (told) void told.then(() => this.#reading.abort());
    else this.#reading.abort();
    this.onclose?.({ code, reason } as never);
  }

  #finish(): void {
    this.#over = true;
    this.#other?.close();
    globalThis.removeEventListener?.("pagehide", this.#hidden);
  }
}
