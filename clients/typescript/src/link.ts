// The connection to the gateway that comes back by itself: connect, greet, carry requests, reconnect.
//
// It knows requests and replies but no rooms and no rows; its owner joins and subscribes again in `opened`.
// Invariant: after the end of a link nothing waits any more: every request has its reply or its error.

import type { Welcome } from "../../../generated/typescript/protocol.js";
import { Backoff, type Ending, isFinal } from "./backoff.js";
import { Connection } from "./connection.js";
import { ClientClosed, type ConnectionClosed, ConnectionRefused, TidegateError } from "./errors.js";
import { type Settings, socketConstructor, type Token } from "./options.js";
import { checkSize, Outstanding, type Pending, type Request } from "./outstanding.js";
import { encode, type WireMessage } from "./wire.js";

export type Status = "connecting" | "open" | "reconnecting" | "closed";

const SUBPROTOCOL = "tidegate.v1";
const RETRY_AFTER_S = 1;

/** What the owner of a link does when something happens on it. */
export interface LinkOwner {
  opened(welcome: Welcome): void;
  pushed(message: WireMessage): void;
  lost(): void;
  status(status: Status, error: TidegateError | undefined): void;
}

export class Link {
  status: Status = "connecting";
  /** The `welcome` of the present connection, or of the last one. */
  welcome: Welcome | undefined;
  /** Why the link ended; undefined while it lives. */
  ended: ConnectionClosed | undefined;
  readonly #url: string;
  readonly #settings: Settings;
  readonly #owner: LinkOwner;
  readonly #backoff: Backoff;
  readonly #outstanding: Outstanding;
  /** Messages without a reply that wait for the connection. */
  readonly #outgoing: string[] = [];
  /** Timers that end with the present connection. */
  readonly #timers = new Set<unknown>();
  #connection: Connection | undefined;
  #token: Token;
  /** The identity token of an anonymous client, which keeps it the same user. */
  #identity: string | undefined;
  #attempts = 0;
  #retryTimer: unknown;

  constructor(url: string, settings: Settings, owner: LinkOwner) {
    this.#url = url;
    this.#settings = settings;
    this.#token = settings.token;
    this.#owner = owner;
    this.#backoff = new Backoff(settings.random);
    this.#outstanding = new Outstanding(settings);
    globalThis.addEventListener?.("online", this.#online);
    // A turn later, so that the program that made this client can listen to its status first.
    queueMicrotask(() => void this.#connect());
  }

  /** Send a request now, or when the connection opens. */
  request(request: Request): void {
    let pending: Pending;
    try {
      this.#check();
      pending = this.#outstanding.add(request, this.welcome?.limits?.max_message);
    } catch (error) {
      request.failed(error as TidegateError);
      return;
    }
    if (request.bound ? this.status === "open" : this.#isReady) this.#transmit(pending);
  }

  /** Send a message now, or when the connection opens; there is no reply. Throws what ended the link. */
  send(message: WireMessage): void {
    this.#check();
    const text = encode(message);
    checkSize(message.type, text, this.welcome?.limits?.max_message);
    if (this.#isReady) this.#connection?.send(text);
    else this.#outgoing.push(text);
  }

  /** Send a message on the present connection, if there is one. */
  post(message: WireMessage): void {
    if (this.status === "open") this.#connection?.send(encode(message));
  }

  /** Repeat `action` after a temporary refusal, unless the connection ends before. */
  again(refused: TidegateError, action: () => void): void {
    // A random part, so that clients that were refused together do not come back together.
    const seconds = (refused.retryAfter ?? RETRY_AFTER_S) * (1 + this.#settings.random());
    const timer = this.#settings.clock.setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, seconds * 1000);
    this.#timers.add(timer);
  }

  /** The gateway took this token: it stands for this client on later connections too. */
  identify(token: string): void {
    this.#token = token;
    this.#identity = undefined;
  }

  close(): void {
    this.#end(new ClientClosed());
  }

  /** Whether the present connection takes new requests. */
  get #isReady(): boolean {
    return this.status === "open" && this.#connection?.leaving === false;
  }

  #check(): void {
    if (this.ended) throw this.ended;
    const { maxWaiting } = this.#settings;
    if (this.#outstanding.size + this.#outgoing.length < maxWaiting) return;
    const reason = `too many requests wait already (limit: maxWaiting = ${maxWaiting})`;
    throw new TidegateError("too_many_waiting", reason, { retryable: true });
  }

  #transmit(pending: Pending): void {
    pending.sent = true;
    pending.sends += 1;
    this.#connection?.send(pending.text);
  }

  // -- connecting -----------------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    const attempt = ++this.#attempts;
    const isCurrent = () => attempt === this.#attempts && !this.ended;
    if (!isCurrent()) return;
    let token: string | undefined;
    try {
      token = typeof this.#token === "function" ? await this.#token() : this.#token;
    } catch {
      if (isCurrent()) this.#retry({});
      return;
    }
    if (!isCurrent()) return;
    try {
      const protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
      const socket = new (socketConstructor(this.#settings))(this.#url, protocols);
      this.#connection = new Connection(socket, this.#settings, {
        received: (message) => this.#received(message),
        ended: (ending) => this.#closed(ending),
      });
    } catch (error) {
      this.#end(new ConnectionRefused(error instanceof Error ? error.message : String(error)));
    }
  }

  #received(message: WireMessage): void {
    if (this.#outstanding.settle(message)) return;
    if (message.type === "welcome") this.#welcomed(message as unknown as Welcome);
    this.#owner.pushed(message);
  }

  /** An anonymous client first becomes the user again that it was; then the link is open. */
  #welcomed(welcome: Welcome): void {
    const connection = this.#connection;
    const token = this.#identity;
    if (!token || !welcome.user.anonymous) {
      this.#open(welcome, welcome.identity);
      return;
    }
    const request: Request = {
      message: { type: "authenticate", token },
      replied: ({ user }) => this.#open({ ...welcome, user: user as Welcome["user"] }, token),
      failed: () => {
        // Refused: be the new user that the gateway named. Otherwise this connection is over.
        if (connection === this.#connection) this.#open(welcome, welcome.identity);
      },
      repeat: false,
      bound: true,
    };
    this.#transmit(this.#outstanding.add(request, undefined));
  }

  #open(welcome: Welcome, identity: string | undefined): void {
    const connection = this.#connection;
    this.welcome = welcome;
    this.#identity = identity;
    this.status = "open";
    this.#owner.opened(welcome);
    for (const pending of this.#outstanding.unsent()) this.#transmit(pending);
    for (const text of this.#outgoing.splice(0)) connection?.send(text);
    if (connection === this.#connection) this.#become("open");
  }

  // -- the end of a connection ----------------------------------------------------------------------------------------

  #closed(ending: Ending): void {
    const { code, reason, refused } = ending;
    if (refused || isFinal(code)) {
      this.#end(new ConnectionRefused(reason || `the gateway refused this client (${code})`, code));
      return;
    }
    this.#drop("reconnecting");
    this.#retry(ending);
  }

  /** The present connection is over: requests that may be sent again wait for the next one, the others fail. */
  #drop(status: Status): void {
    const wasOpen = this.status === "open";
    this.#connection = undefined;
    for (const timer of this.#timers) this.#settings.clock.clearTimeout(timer as never);
    this.#timers.clear();
    this.status = status;
    if (this.ended) this.#outstanding.failAll(this.ended);
    else this.#outstanding.lost();
    if (wasOpen) this.#owner.lost();
  }

  #retry(ending: Ending): void {
    this.#wait(this.#backoff.next(ending));
    this.#become("reconnecting");
  }

  #wait(milliseconds: number): void {
    const { clock } = this.#settings;
    clock.clearTimeout(this.#retryTimer as never);
    this.#retryTimer = clock.setTimeout(() => void this.#connect(), milliseconds);
  }

  readonly #online = (): void => {
    if (this.status === "reconnecting" && !this.#connection) this.#wait(0);
  };

  #end(error: ConnectionClosed): void {
    if (this.ended) return;
    this.ended = error;
    const connection = this.#connection;
    this.#outgoing.length = 0;
    this.#drop("closed");
    globalThis.removeEventListener?.("online", this.#online);
    this.#settings.clock.clearTimeout(this.#retryTimer as never);
    connection?.close(1000);
    this.#become("closed", error);
  }

  #become(status: Status, error?: TidegateError): void {
    this.status = status;
    this.#owner.status(status, error);
  }
}
