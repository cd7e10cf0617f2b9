// One line to the gateway that comes back by itself: connect, greet, request and reply, notice silence, reconnect.
//
// It knows requests and replies but no rooms and no rows; whoever owns it re-joins and re-subscribes in `opened`.
// Invariant: every request ends exactly once, with its reply, its error, or the loss of the line.

import { CLOSES, type ErrorMessage, type Goodbye, type Welcome } from "../../../generated/typescript/protocol.js";
import { Backoff, type Ending, isFinal } from "./backoff.js";
import {
  ClientClosed,
  ConnectionClosed,
  ConnectionLost,
  ConnectionRefused,
  RequestRefused,
  RequestTimeout,
  type TidegateError,
} from "./errors.js";
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
const AGAIN_S = 1;

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
  /** Whether it waits for its answer as long as the line lives, since an answer that comes late still counts. */
  patient?: boolean;
}

interface Pending extends Request {
  sent: boolean;
  timer: unknown;
}

export class Link {
  status: Status = "connecting";
  /** Why there will be no further line. */
  ended: ConnectionClosed | undefined;
  readonly #url: string;
  readonly #options: Options;
  readonly #owner: Owner;
  readonly #environment: Environment;
  readonly #backoff: Backoff;
  readonly #pending = new Map<string | number, Pending>();
  readonly #outgoing: Message[] = [];
  readonly #timers = new Set<unknown>();
  #socket: Socket | undefined;
  #token: Options["token"];
  #identity: string | undefined;
  #goodbye: Goodbye | undefined;
  #attempts = 0;
  #refs = 0;
  #heard = 0;
  #openedAt = 0;
  #silence = (2 * HEARTBEAT_S + SILENCE_S) * 1000;
  #retryTimer: unknown;
  #silenceTimer: unknown;

  constructor(url: string, options: Options, owner: Owner) {
    this.#url = url;
    this.#options = options;
    this.#token = options.token;
    this.#owner = owner;
    this.#environment = options.environment ?? systemEnvironment;
    this.#backoff = new Backoff(this.#environment.random);
    globalThis.addEventListener?.("online", this.#online);
    // Not before whoever made this client can listen to its status.
    queueMicrotask(() => void this.#connect());
  }

  /** Send a request, now or as soon as the line is open. */
  request(request: Request): void {
    if (this.ended) {
      request.failed(this.ended);
      return;
    }
    const ref = `c${++this.#refs}`;
    const pending: Pending = { ...request, message: { ...request.message, ref }, sent: false, timer: undefined };
    this.#pending.set(ref, pending);
    if (!request.patient) {
      const seconds = this.#options.timeout ?? TIMEOUT_S;
      const expired = () => this.#fail(ref, pending, new RequestTimeout(seconds));
      pending.timer = this.#environment.setTimeout(expired, seconds * 1000);
    }
    if (this.status === "open") this.#sendPending(pending);
  }

  /** Send a message as it is, now or as soon as the line is open. */
  send(message: Message): void {
    if (this.status === "open") this.#write(message);
    else if (this.status !== "closed") this.#outgoing.push(message);
  }

  /** Do `action` again after a refusal that is not for good, unless the line breaks before. */
  again(refused: TidegateError, action: () => void): void {
    const seconds = (refused instanceof RequestRefused ? refused.retryAfter : undefined) ?? AGAIN_S;
    // Clients that were refused together do not come back together.
    const wait = seconds * (1 + this.#environment.random()) * 1000;
    const timer = this.#environment.setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, wait);
    this.#timers.add(timer);
  }

  /** The gateway took this token: it stands for this client on later lines too. */
  identify(token: string): void {
    this.#token = token;
    this.#identity = undefined;
  }

  close(): void {
    this.#end(new ClientClosed("the connection was closed by the program"));
  }

  // -- connecting -----------------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    const attempt = ++this.#attempts;
    const current = () => attempt === this.#attempts && !this.ended;
    if (!current()) return;
    this.#goodbye = undefined;
    let token: string | undefined;
    try {
      token = typeof this.#token === "function" ? await this.#token() : this.#token;
    } catch {
      if (current()) this.#retry({});
      return;
    }
    if (!current()) return;
    try {
      const protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
      this.#listen(new (socketConstructor(this.#options))(this.#url, protocols));
    } catch (error) {
      this.#end(new ConnectionClosed(error instanceof Error ? error.message : String(error)));
    }
  }

  #listen(socket: Socket): void {
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
    const message = read(data);
    if (!message) return;
    if (message.ref !== undefined && this.#settle(message)) return;
    if (message.type === "welcome") this.#welcomed(socket, message as unknown as Welcome);
    else if (message.type === "goodbye") this.#goodbye = message as unknown as Goodbye;
    this.#owner.pushed(message);
  }

  /** The gateway greets: an anonymous client first becomes again who it was, then the line is open. */
  #welcomed(socket: Socket, welcome: Welcome): void {
    this.#silence = (2 * welcome.heartbeat + SILENCE_S) * 1000;
    const identity = this.#identity;
    if (!identity || !welcome.user.anonymous) {
      this.#open(socket, welcome);
      return;
    }
    const pending: Pending = {
      message: { type: "authenticate", token: identity, ref: "identity" },
      replied: (reply) => this.#open(socket, { ...welcome, user: reply.user as Welcome["user"] }, identity),
      failed: () => {
        // Refused: be the new user that the gateway made of us. Otherwise this line is over.
        if (socket === this.#socket) this.#open(socket, welcome);
      },
      repeatable: false,
      sent: true,
      timer: undefined,
    };
    this.#pending.set("identity", pending);
    this.#write(pending.message);
  }

  #open(socket: Socket, welcome: Welcome, identity = welcome.identity): void {
    this.#identity = identity;
    this.#openedAt = this.#environment.now();
    this.status = "open";
    this.#owner.opened(welcome);
    for (const pending of [...this.#pending.values()]) if (!pending.sent) this.#sendPending(pending);
    for (const message of this.#outgoing.splice(0)) this.#write(message);
    if (socket === this.#socket) this.#become("open");
  }

  // -- the end of a line ----------------------------------------------------------------------------------------------

  #closed(socket: Socket, code: number, reason: string | undefined): void {
    if (socket !== this.#socket) return;
    if (isFinal(code)) {
      const meaning = CLOSES[code as keyof typeof CLOSES]?.meaning;
      this.#end(new ConnectionRefused(reason || meaning || "the gateway does not want this client back", code));
      return;
    }
    this.#retry({ code, lived: this.#drop() });
  }

  /** This line is over: what can be asked again waits for the next one, the rest is told. Returns how long it lived. */
  #drop(): number | undefined {
    const lived = this.status === "open" ? this.#environment.now() - this.#openedAt : undefined;
    this.#socket = undefined;
    this.#environment.clearTimeout(this.#silenceTimer as never);
    for (const timer of this.#timers) this.#environment.clearTimeout(timer as never);
    this.#timers.clear();
    this.status = this.ended ? "closed" : "reconnecting";
    for (const [ref, pending] of [...this.#pending]) {
      if (!pending.sent && !this.ended) continue;
      if (pending.repeatable && !this.ended) pending.sent = false;
      else this.#fail(ref, pending, this.ended ?? new ConnectionLost());
    }
    if (lived !== undefined) this.#owner.lost();
    return lived;
  }

  #retry(ending: Ending): void {
    this.#wait(this.#backoff.next({ ...ending, retryAfter: this.#goodbye?.retry_after }));
    this.#become("reconnecting");
  }

  #wait(milliseconds: number): void {
    this.#environment.clearTimeout(this.#retryTimer as never);
    this.#retryTimer = this.#environment.setTimeout(() => void this.#connect(), milliseconds);
  }

  readonly #online = (): void => {
    if (this.status === "reconnecting" && !this.#socket) this.#wait(0);
  };

  #end(error: ConnectionClosed): void {
    if (this.ended) return;
    this.ended = error;
    const socket = this.#socket;
    this.#outgoing.length = 0;
    this.#drop();
    globalThis.removeEventListener?.("online", this.#online);
    this.#environment.clearTimeout(this.#retryTimer as never);
    socket?.close(1000);
    this.#become("closed", error);
  }

  /** Timers are throttled in background tabs, so timestamps decide, not ticks. */
  #watchSilence(): void {
    this.#silenceTimer = this.#environment.setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      if (this.#environment.now() - this.#heard <= this.#silence) {
        this.#watchSilence();
        return;
      }
      const lived = this.#drop();
      socket.close();
      this.#retry({ lived });
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

/** A gateway says nothing but objects; what else may come (from something that is no gateway) is passed over. */
function read(data: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null ? (message as Message) : undefined;
  } catch {
    return undefined;
  }
}
