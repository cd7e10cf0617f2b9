// One line to the gateway that comes back by itself: connect, greet, request and reply, notice silence, reconnect.
//
// It knows requests and replies but no rooms and no rows; whoever owns it re-joins and re-subscribes in `opened`.
// Invariant: every request ends exactly once, with its reply, its error, or the loss of the line.

import { CLOSES, type ErrorMessage, type Goodbye, type Welcome } from "../../../generated/typescript/protocol.js";
import { Backoff } from "./backoff.js";
import { ConnectionClosed, ConnectionLost, RequestRefused, RequestTimeout, type TidegateError } from "./errors.js";
import {
  type Environment,
  type Options,
  type Socket,
  socketConstructor,
  systemEnvironment,
  TIMEOUT_S,
} from "./options.js";

export type Status = "connecting" | "open" | "reconnecting" | "closed";
export type Message = { type: string; ref?: string | number; [property: string]: unknown };

const SUBPROTOCOL = "tidegate.v1";
const SILENCE_S = 5;
const HEARTBEAT_S = 25;

/** What the owner of a link does when something happens on it. */
export interface Owner {
  opened(welcome: Welcome): void;
  pushed(message: Message): void;
  lost(): void;
  status(status: Status, error: TidegateError | undefined): void;
}

export interface Request {
  message: Message;
  /** Called in the turn in which the reply came, before anything that follows it on the line is looked at. */
  replied(reply: Message): void;
  failed(error: TidegateError): void;
  /** Whether it may be sent again on the next line: it changes nothing, or carries an idempotency key. */
  repeatable: boolean;
}

interface Pending extends Request {
  sent: boolean;
  timer: unknown;
}

export class Link {
  status: Status = "connecting";
  readonly #url: string;
  readonly #options: Options;
  readonly #owner: Owner;
  readonly #environment: Environment;
  readonly #backoff: Backoff;
  readonly #pending = new Map<string | number, Pending>();
  readonly #outgoing: Message[] = [];
  #socket: Socket | undefined;
  #identity: string | undefined;
  #goodbye: Goodbye | undefined;
  #refs = 0;
  #heard = 0;
  #openedAt = 0;
  #silence = (2 * HEARTBEAT_S + SILENCE_S) * 1000;
  #retryTimer: unknown;
  #silenceTimer: unknown;

  constructor(url: string, options: Options, owner: Owner) {
    this.#url = url;
    this.#options = options;
    this.#owner = owner;
    this.#environment = options.environment ?? systemEnvironment;
    this.#backoff = new Backoff(this.#environment.random);
    globalThis.addEventListener?.("online", this.#online);
    void this.#connect();
  }

  /** Send a request, now or as soon as the line is open. */
  request(request: Request): void {
    if (this.status === "closed") {
      request.failed(new ConnectionClosed("the connection is closed"));
      return;
    }
    const ref = `c${++this.#refs}`;
    const seconds = this.#options.timeout ?? TIMEOUT_S;
    const timer = this.#environment.setTimeout(() => {
      this.#pending.delete(ref);
      request.failed(new RequestTimeout(seconds));
    }, seconds * 1000);
    const pending: Pending = { ...request, message: { ...request.message, ref }, sent: false, timer };
    this.#pending.set(ref, pending);
    if (this.status === "open") this.#sendPending(pending);
  }

  /** Send a message as it is, now or as soon as the line is open. */
  send(message: Message): void {
    if (this.status === "open") this.#write(message);
    else if (this.status !== "closed") this.#outgoing.push(message);
  }

  close(): void {
    this.#end(new ConnectionClosed("the connection was closed by the program"));
  }

  // -- connecting -----------------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    this.#goodbye = undefined;
    let protocols: string[];
    let socket: Socket;
    try {
      const token = typeof this.#options.token === "function" ? await this.#options.token() : this.#options.token;
      if (this.status === "closed") return;
      protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
      socket = new (socketConstructor(this.#options))(this.#url, protocols);
    } catch (error) {
      if (this.#options.token && typeof this.#options.token === "function") this.#retry(this.#backoff.next());
      else this.#end(new ConnectionClosed(error instanceof Error ? error.message : String(error)));
      return;
    }
    this.#socket = socket;
    this.#heard = this.#environment.now();
    this.#watchSilence();
    socket.onmessage = (event: { data: unknown }) => this.#received(socket, event.data);
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number; reason?: string }) =>
      this.#closed(socket, event.code ?? 1006, event.reason);
  }

  #received(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#heard = this.#environment.now();
    const message = JSON.parse(data) as Message;
    if (message.ref !== undefined && this.#settle(message)) return;
    if (message.type === "welcome") this.#welcomed(message as unknown as Welcome);
    else if (message.type === "goodbye") this.#goodbye = message as unknown as Goodbye;
    this.#owner.pushed(message);
  }

  /** The gateway greets: an anonymous client first becomes again who it was, then the line is open. */
  #welcomed(welcome: Welcome): void {
    this.#silence = (2 * welcome.heartbeat + SILENCE_S) * 1000;
    const identity = this.#identity;
    if (!identity || !welcome.user.anonymous) {
      this.#open(welcome);
      return;
    }
    const failed = () => this.#open(welcome);
    const replied = (reply: Message) => this.#open({ ...welcome, user: reply.user as Welcome["user"] }, identity);
    const pending: Pending = {
      message: { type: "authenticate", token: identity, ref: "identity" },
      replied,
      failed,
      repeatable: false,
      sent: true,
      timer: undefined,
    };
    this.#pending.set("identity", pending);
    this.#write(pending.message);
  }

  #open(welcome: Welcome, identity = welcome.identity): void {
    if (this.status === "closed") return;
    this.#identity = identity;
    this.#openedAt = this.#environment.now();
    this.#become("open");
    this.#owner.opened(welcome);
    for (const pending of this.#pending.values()) if (!pending.sent) this.#sendPending(pending);
    for (const message of this.#outgoing.splice(0)) this.#write(message);
  }

  // -- the end of a line ----------------------------------------------------------------------------------------------

  #closed(socket: Socket, code: number, reason: string | undefined): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.status === "closed") return;
    if (code >= 4000 && code < 4100) {
      this.#end(new ConnectionClosed(reason || CLOSES[code as keyof typeof CLOSES]?.meaning || "refused", code));
      return;
    }
    const resume = (code >= 4200 && code < 4300) || code === 1012;
    this.#retry(resume ? (this.#goodbye?.retry_after ?? 0) * 1000 : this.#backoff.next());
  }

  /** This line is over: what can be asked again waits for the next one, the rest is told. */
  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#environment.clearTimeout(this.#silenceTimer as never);
    if (socket) socket.onmessage = socket.onclose = null;
    if (this.status === "open") this.#backoff.lived(this.#environment.now() - this.#openedAt);
    const wasOpen = this.status === "open";
    if (this.status !== "closed") this.status = "reconnecting";
    for (const [ref, pending] of [...this.#pending]) {
      if (!pending.sent) continue;
      if (pending.repeatable) pending.sent = false;
      else this.#fail(ref, pending, new ConnectionLost());
    }
    if (wasOpen) this.#owner.lost();
  }

  #retry(milliseconds: number): void {
    this.#become("reconnecting");
    this.#environment.clearTimeout(this.#retryTimer as never);
    this.#retryTimer = this.#environment.setTimeout(() => void this.#connect(), milliseconds);
  }

  readonly #online = (): void => {
    if (this.status === "reconnecting" && !this.#socket) this.#retry(0);
  };

  #end(error: ConnectionClosed): void {
    if (this.status === "closed") return;
    const socket = this.#socket;
    this.#become("closed", error);
    this.#drop();
    globalThis.removeEventListener?.("online", this.#online);
    this.#environment.clearTimeout(this.#retryTimer as never);
    socket?.close(1000);
    for (const [ref, pending] of [...this.#pending]) this.#fail(ref, pending, error);
  }

  /** Timers are throttled in background tabs, so timestamps decide, not ticks. */
  #watchSilence(): void {
    this.#silenceTimer = this.#environment.setTimeout(() => {
      if (!this.#socket) return;
      if (this.#environment.now() - this.#heard > this.#silence) {
        const socket = this.#socket;
        this.#drop();
        socket.close();
        this.#retry(this.#backoff.next());
      } else this.#watchSilence();
    }, this.#silence / 4);
  }

  // -- requests -------------------------------------------------------------------------------------------------------

  #sendPending(pending: Pending): void {
    pending.sent = true;
    this.#write(pending.message);
  }

  #settle(message: Message): boolean {
    const ref = message.ref as string | number;
    const pending = this.#pending.get(ref);
    if (!pending) return false;
    if (message.type === "error") {
      this.#fail(ref, pending, new RequestRefused(message as unknown as ErrorMessage));
    } else {
      this.#forget(ref, pending);
      pending.replied(message);
    }
    return true;
  }

  #fail(ref: string | number, pending: Pending, error: TidegateError): void {
    this.#forget(ref, pending);
    pending.failed(error);
  }

  #forget(ref: string | number, pending: Pending): void {
    this.#pending.delete(ref);
    this.#environment.clearTimeout(pending.timer as never);
  }

  #write(message: Message): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #become(status: Status, error?: TidegateError): void {
    this.status = status;
    this.#owner.status(status, error);
  }
}
