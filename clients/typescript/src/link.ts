// The connection to the gateway that comes back by itself: connect, greet, carry requests, reconnect.
//
// It knows requests and replies but no rooms and no rows; its owner joins and subscribes again in `opened`.
// Invariant: after the end of a link nothing waits any more: every request has its reply or its error.

import type { Authenticated, Welcome } from "../../../generated/typescript/protocol.js";
import { Backoff, type Ending } from "./backoff.js";
import { BROKEN, Connection } from "./connection.js";
import { ClientClosed, type ConnectionClosed, ConnectionRefused, TidegateError } from "./errors.js";
import { Kept } from "./kept.js";
import { type Settings, socketConstructor } from "./options.js";
import { Outstanding, type Request } from "./outstanding.js";
import type { EventSocket } from "./sse/index.js";
import { bearer, notGiven } from "./token.js";
import { Transport } from "./transport.js";
import type { WireMessage } from "./wire.js";

export type Status = "connecting" | "open" | "reconnecting" | "closed";

const SUBPROTOCOL = "tidegate.v1";
const RETRY_AFTER_S = 1;
/** What `#attempts` has counted in the third attempt: its begin, and begin and end of those before. */
const TRIES = 5;

/** What the owner of a link does when something happens on it. */
export interface LinkOwner {
  opened(welcome: Welcome): void;
  pushed(message: WireMessage): void;
  lost(): void;
  status(status: Status, error?: TidegateError): void;
}

export class Link {
  status: Status = "connecting";
  /** The `welcome` of the present connection, or of the last one. */
  declare welcome: Welcome | undefined;
  /** Why the link ended; undefined while it lives. */
  declare ended: ConnectionClosed | undefined;
  declare readonly outstanding: Outstanding;
  readonly #url: string;
  readonly #settings: Settings;
  readonly #owner: LinkOwner;
  readonly #backoff: Backoff;
  /** The identity token, which makes an anonymous client the same user on later connections and after a reload. */
  readonly #anonymous: Kept;
  readonly #transport: Transport;
  /** Timers that end with the present connection. */
  readonly #timers: unknown[] = [];
  /** Ends the listeners to the page, whose option `signal` it has. */
  readonly #listening = new AbortController();
  #connection: Connection | undefined;
  /** The present connection, once it carries what waited for it, and until the gateway says goodbye. */
  #carrier: Connection | undefined;
  #attempts = 0;
  /** The program gave a token for this connection, and gives another one for the next. */
  #fresh = false;
  #timer: unknown;

  constructor(url: string, settings: Settings, owner: LinkOwner) {
    this.#url = url;
    this.#settings = settings;
    this.#owner = owner;
    this.#backoff = new Backoff(settings.random);
    this.outstanding = new Outstanding(settings, () => this.#connection?.probe());
    this.#transport = new Transport(settings, url);
    this.#anonymous = new Kept(settings.identity, "tidegate", url);
    // What may have changed the network, or stopped this program for a while.
    for (const reason of ["online", "pageshow", "visibilitychange"])
      globalThis.addEventListener?.(reason, this.#doubt, this.#listening);
    // A turn later, so that the program that made this client can listen to its status first.
    queueMicrotask(this.#connect);
  }

  /** Send a request now, or when the connection opens. Returns its ref, unless it has failed. */
  request(request: Request): string | undefined {
    try {
      return this.#add(request);
    } catch (error) {
      request.failed?.(error as TidegateError);
    }
  }

  /** The program no longer wants the answer to the request with this `ref`. */
  cancel(ref: string | undefined): void {
    this.outstanding.cancel(ref, this.#connection);
  }

  /** Send a message now, or when the connection opens; there is no reply. Throws what refuses it at once. */
  send(message: WireMessage): void {
    const failed = ({ code, message: text }: TidegateError) => {
      // Too large, as shows when the connection opens: told as the gateway tells what it refuses.
      if (!this.ended) this.#owner.pushed({ type: "error", code, message: text });
    };
    this.#add({ message, failed });
  }

  /** Send a message on the present connection, if there is one. */
  post(message: WireMessage): void {
    if (this.status === "open") this.request({ message, bound: true });
  }

  /** Repeat `action` after a temporary refusal, unless the connection ends before. */
  again(refused: TidegateError, action: () => void): void {
    // A random part, so that clients that were refused together do not come back together.
    const seconds = (refused.retryAfter ?? RETRY_AFTER_S) * (1 + this.#settings.random());
    this.#timers.push(this.#settings.clock.setTimeout(action, seconds * 1000));
  }

  /**
   * The gateway took this token for `user`. It stands for this client on later connections too, unless a function gives
   * fresh ones.
   */
  identify(token: string, { user, identity = token }: Authenticated): void {
    if (user.anonymous) this.#anonymous.keep(identity);
    else if (typeof this.#settings.token !== "function") this.#settings.token = token;
  }

  close(): void {
    this.#end(new ClientClosed());
  }

  #add(request: Request): string {
    if (this.ended) throw this.ended;
    return this.outstanding.add(request, this.#carrier);
  }

  // -- connecting -----------------------------------------------------------------------------------------------------

  readonly #connect = async (): Promise<void> => {
    if (this.ended) return;
    const attempt = ++this.#attempts;
    const { clock, openTimeout, token: given } = this.#settings;
    const deadline = clock.now() + openTimeout * 1000;
    let token: string | undefined;
    const failed = (error: unknown) => {
      if (attempt === this.#attempts) this.#retry({}, notGiven(error, token));
    };
    this.#after(openTimeout * 1000, () => failed(`no reply within ${openTimeout} s`));
    let Events: typeof EventSocket | undefined;
    try {
      token = bearer(typeof given === "function" ? await given() : given);
      this.#fresh = !!token && typeof given === "function";
      Events = await this.#transport.load();
    } catch (error) {
      return failed(error);
    }
    if (attempt !== this.#attempts) return;
    clock.clearTimeout(this.#timer as never);
    try {
      const protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
      const socket = Events
        ? new Events(this.#url, protocols, this.#transport.unblocked)
        : new (socketConstructor(this.#settings))(this.#url, protocols);
      this.#connection = new Connection(socket, this.#settings, this.#transport.deadline(deadline), {
        received: (message) => this.#received(message),
        ended: (ending) => this.#closed(ending),
      });
    } catch (error) {
      this.#end(new ConnectionRefused((error as Error).message));
    }
  };

  #received(message: WireMessage): void {
    if (this.outstanding.settle(message)) return;
    if (message.type === "welcome") {
      this.#transport.worked();
      this.#welcomed(message as unknown as Welcome);
    }
    if (message.type === "goodbye") this.#carrier = undefined;
    if (message.type === "identity") this.#anonymous.keep(message.token as string);
    this.#owner.pushed(message);
  }

  /** An anonymous client first becomes the user again that it was; then the link is open. */
  #welcomed(welcome: Welcome): void {
    const connection = this.#connection;
    const { text: token } = this.#anonymous;
    if (!token || !welcome.user.anonymous) {
      this.#open(welcome, welcome.identity);
      return;
    }
    this.outstanding.add(
      {
        message: { type: "authenticate", token },
        place: 0,
        replied: ({ user, identity = token }) =>
          this.#open({ ...welcome, user: user as Welcome["user"] }, identity as string),
        failed: ({ retryable }) => {
          // Refused for good: be the new user that the gateway named. Otherwise come back for the old one.
          if (retryable) connection?.end({});
          else if (connection === this.#connection) this.#open(welcome, welcome.identity);
        },
      },
      connection,
    );
  }

  #open(welcome: Welcome, identity: string | undefined): void {
    const connection = this.#connection as Connection;
    if (connection.goodbye) return; // nothing new on a connection that ends soon
    this.welcome = welcome;
    this.outstanding.limit = welcome.limits?.max_message;
    if (identity) this.#anonymous.keep(identity);
    this.status = "open";
    this.#owner.opened(welcome);
    this.outstanding.flush(connection);
    if (connection !== this.#connection) return;
    this.#carrier = connection;
    this.#owner.status("open");
  }

  // -- the end of a connection ----------------------------------------------------------------------------------------

  #closed(ending: Ending): void {
    const { code, reason, refused, lived } = ending;
    if (this.#backoff.ends(ending, this.#fresh)) {
      this.#end(new ConnectionRefused(reason || `the gateway refused: ${code}`, refused ? undefined : code));
    } else {
      this.#drop("reconnecting");
      const other = code === BROKEN && lived === undefined && this.#transport.failed();
      // A client that was welcomed once has the right address: it only waits.
      const lost = this.welcome || this.#attempts < TRIES;
      const text = "no reply: is the url right?";
      this.#retry(ending, lost ? undefined : new TidegateError("unreachable", text, { retryable: true }), other);
    }
  }

  /** The present connection is over: requests that may be sent again wait for the next one, the others fail. */
  #drop(status: Status): void {
    this.#connection = this.#carrier = undefined;
    for (const timer of this.#timers.splice(0)) this.#settings.clock.clearTimeout(timer as never);
    this.status = status;
    this.outstanding.lost(this.ended);
    this.#owner.lost();
  }

  #retry(ending: Ending, error?: TidegateError, atOnce?: boolean): void {
    this.#attempts += 1; // a token that comes too late connects nothing
    this.#after(atOnce ? 0 : this.#backoff.next(ending), this.#connect);
    this.status = "reconnecting";
    this.#owner.status(this.status, error);
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
    else if (type === "online" || (this.status === "reconnecting" && !connection)) {
      // An attempt that began on the old network may never end.
      this.#connection = undefined;
      connection?.close();
      this.#after(0, this.#connect);
    }
  };

  #end(error: ConnectionClosed): void {
    if (this.ended) return;
    this.ended = error;
    this.#attempts += 1;
    const connection = this.#connection;
    this.#drop("closed");
    this.#listening.abort();
    this.#settings.clock.clearTimeout(this.#timer as never);
    connection?.close(1000);
    this.#owner.status("closed", error);
  }
}
