// The connection to the gateway that comes back by itself: connect, greet, carry requests, reconnect.
//
// It knows requests and replies but no rooms and no rows; its owner joins and subscribes again in `opened`.
// Invariant: after the end of a link nothing waits any more: every request has its reply or its error.

import type { ErrorMessage, Welcome } from "../../../generated/typescript/protocol.js";
import { Backoff, type Ending, isFinal } from "./backoff.js";
import { Connection } from "./connection.js";
import { ClientClosed, type ConnectionClosed, ConnectionRefused, TidegateError } from "./errors.js";
import { AnonymousIdentity } from "./identity.js";
import { type Settings, socketConstructor, type Token } from "./options.js";
import { Outstanding, type Pending, type Request } from "./outstanding.js";
import { bearer, tokenFailed } from "./token.js";
import type { WireMessage } from "./wire.js";

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

/** What may have changed the network, or stopped this program for a while. */
const REASONS_TO_DOUBT = ["online", "pageshow", "visibilitychange"];

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
  readonly #anonymous: AnonymousIdentity;
  /** Timers that end with the present connection. */
  readonly #timers = new Set<unknown>();
  #connection: Connection | undefined;
  /** Whether the present connection still has to carry what waited for it: nothing overtakes that. */
  #opening = false;
  #token: Token;
  #attempts = 0;
  /** Whether a timer runs until the next attempt. */
  #resting = false;
  #timer: unknown;

  constructor(url: string, settings: Settings, owner: LinkOwner) {
    this.#url = url;
    this.#settings = settings;
    this.#token = settings.token;
    this.#owner = owner;
    this.#backoff = new Backoff(settings.random);
    this.#outstanding = new Outstanding(settings, () => this.#connection?.probe());
    this.#anonymous = new AnonymousIdentity(settings.identity, url);
    for (const reason of REASONS_TO_DOUBT) globalThis.addEventListener?.(reason, this.#doubt);
    // A turn later, so that the program that made this client can listen to its status first.
    queueMicrotask(() => void this.#connect());
  }

  /** A place in the order of sending, for a request that is made on each connection. */
  place(): number {
    return this.#outstanding.place();
  }

  /** Send a request now, or when the connection opens. */
  request(request: Request): void {
    let pending: Pending;
    try {
      this.#check();
      pending = this.#outstanding.add(request);
    } catch (error) {
      request.failed(error as TidegateError);
      return;
    }
    const now = this.status === "open" && !this.#opening && (request.bound || !this.#connection?.leaving);
    if (this.#fits(pending) && now) this.#transmit(pending);
  }

  /** Send a message now, or when the connection opens; there is no reply. Throws what refuses it at once. */
  send(message: WireMessage): void {
    let refused: TidegateError | undefined;
    let waits = false;
    const failed = (error: TidegateError) => {
      refused = error;
      // Found too large when the connection opened: reported as the gateway reports what it refuses.
      const { code, message: text, retryable: temporary } = error;
      if (waits && !this.ended) this.#owner.pushed({ type: "error", code, message: text, temporary });
    };
    this.request({ message, failed });
    if (refused) throw refused;
    waits = true;
  }

  /** Send a message on the present connection, if there is one. */
  post(message: WireMessage): void {
    if (this.status === "open") this.request({ message, bound: true, failed: () => {} });
  }

  /** Whether a message about this room waits for the connection. */
  waits(room: string): boolean {
    return this.#outstanding.unsent().some(({ message }) => message.room === room);
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

  /** The gateway took this token. It stands for this client on later connections too, unless a function gives fresh ones. */
  identify(token: string): void {
    if (typeof this.#token !== "function") this.#token = token;
  }

  close(): void {
    this.#end(new ClientClosed());
  }

  #check(): void {
    if (this.ended) throw this.ended;
    const { maxWaiting } = this.#settings;
    if (this.#outstanding.size < maxWaiting) return;
    const reason = `too many requests wait already (limit: maxWaiting = ${maxWaiting})`;
    throw new TidegateError("too_many_waiting", reason, { retryable: true });
  }

  #fits(pending: Pending): boolean {
    return this.#outstanding.fits(pending, this.welcome?.limits?.max_message);
  }

  #transmit(pending: Pending): void {
    this.#outstanding.sent(pending);
    this.#connection?.send(pending.text);
  }

  // -- connecting -----------------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    const attempt = ++this.#attempts;
    const isCurrent = () => attempt === this.#attempts && !this.ended;
    if (!isCurrent()) return;
    const { clock, openTimeout } = this.#settings;
    const deadline = clock.now() + openTimeout * 1000;
    this.#resting = false;
    this.#after(openTimeout * 1000, () => this.#retry({}, tokenFailed(`no answer within ${openTimeout} s`)));
    const given = this.#token;
    let token: string | undefined;
    try {
      token = bearer(typeof given === "function" ? await given() : given);
      if (!isCurrent()) return;
    } catch (error) {
      if (!isCurrent()) return;
      const failed = tokenFailed(error);
      if (typeof given === "function") this.#retry({}, failed);
      else this.#end(new ConnectionRefused(failed.message));
      return;
    }
    clock.clearTimeout(this.#timer as never);
    try {
      const protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
      const socket = new (socketConstructor(this.#settings))(this.#url, protocols);
      this.#connection = new Connection(socket, clock, deadline, {
        received: (message) => this.#received(message),
        ended: (ending) => this.#closed(ending),
      });
    } catch (error) {
      this.#end(new ConnectionRefused(error instanceof Error ? error.message : String(error)));
    }
  }

  #received(message: WireMessage): void {
    if (this.#outstanding.settle(message)) return;
    if (message.code === "invalid_json") this.#outstanding.unread(message as unknown as ErrorMessage);
    if (message.type === "welcome") this.#welcomed(message as unknown as Welcome);
    this.#owner.pushed(message);
  }

  /** An anonymous client first becomes the user again that it was; then the link is open. */
  #welcomed(welcome: Welcome): void {
    const connection = this.#connection;
    const { token } = this.#anonymous;
    if (!token || !welcome.user.anonymous) {
      this.#open(welcome, welcome.identity);
      return;
    }
    this.#transmit(
      this.#outstanding.add({
        message: { type: "authenticate", token },
        replied: ({ user, identity = token }) =>
          this.#open({ ...welcome, user: user as Welcome["user"] }, identity as string),
        failed: () => {
          // Refused: be the new user that the gateway named. Otherwise this connection is over.
          if (connection === this.#connection) this.#open(welcome, welcome.identity);
        },
      }),
    );
  }

  #open(welcome: Welcome, identity: string | undefined): void {
    const connection = this.#connection;
    this.welcome = welcome;
    if (identity) this.#anonymous.keep(identity);
    this.status = "open";
    this.#opening = true;
    this.#owner.opened(welcome);
    for (let waiting = this.#outstanding.unsent(); waiting.length > 0; waiting = this.#outstanding.unsent()) {
      for (const pending of waiting) if (this.#fits(pending)) this.#transmit(pending);
    }
    this.#opening = false;
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

  #retry(ending: Ending, error?: TidegateError): void {
    this.#attempts += 1; // a token that comes too late connects nothing
    this.#rest(this.#backoff.next(ending));
    this.#become("reconnecting", error);
  }

  #rest(milliseconds: number): void {
    this.#resting = true;
    this.#after(milliseconds, () => void this.#connect());
  }

  /** The one timer between two connections. */
  #after(milliseconds: number, action: () => void): void {
    const { clock } = this.#settings;
    clock.clearTimeout(this.#timer as never);
    this.#timer = clock.setTimeout(action, milliseconds);
  }

  /** The network may be another one, or the computer was asleep. */
  readonly #doubt = ({ type }: Event): void => {
    const connection = this.#connection;
    if (connection?.welcome) connection.probe();
    else if (this.#resting || type === "online") {
      // An attempt that began on the old network may never end.
      this.#connection = undefined;
      connection?.close();
      this.#rest(0);
    }
  };

  #end(error: ConnectionClosed): void {
    if (this.ended) return;
    this.ended = error;
    const connection = this.#connection;
    this.#drop("closed");
    for (const reason of REASONS_TO_DOUBT) globalThis.removeEventListener?.(reason, this.#doubt);
    this.#settings.clock.clearTimeout(this.#timer as never);
    connection?.close(1000);
    this.#become("closed", error);
  }

  #become(status: Status, error?: TidegateError): void {
    this.status = status;
    this.#owner.status(status, error);
  }
}
