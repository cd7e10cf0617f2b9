// What a component with `useWebSocket` wants of a gateway, apart from whether it is mounted: its queries, rooms, messages.
//
// Invariants: what the component wants survives StrictMode's unmounting, another url and another user; the state is another
// object only when something in it changed; an error is that of a call of this component, or of the connection.

import type { Filters, Member, Principal } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import { RequestRefused, type TidegateError } from "../errors.js";
import type { Status } from "../link.js";
import type { JoinOptions, Message, PresenceOptions } from "../membership.js";
import type { Options, Token } from "../options.js";
import { READS, WRITES } from "../outstanding.js";
import { nameOf } from "../rows/query.js";
import { tokenFailed } from "../token.js";
import type { WireMessage } from "../wire.js";
import { type Account, accountName, shareAccount } from "./account.js";
import { all, type Store, storeOf } from "./store.js";
import { added, type RoomState, roomStore } from "./use_room.js";
import { type LiveRows, liveStore } from "./use_rows.js";

const MESSAGES_KEPT = 200;
/** Milliseconds in which a component's own renders, each with a new token function, do not ask it. */
const ASK_AGAIN_MS = 10_000;
const RETRY_MS = 2000;

type Row = Record<string, unknown>;

export interface State {
  /** The rows of all subscriptions, in the order in which they were made. Always an array. */
  readonly data: readonly Row[];
  /** Whether the rows of all subscriptions are there. */
  readonly ready: boolean;
  readonly status: Status;
  readonly user: Principal | undefined;
  /** What a call of this component met, until that call succeeds; or what ended the connection. */
  readonly error: TidegateError | undefined;
  /** The last 200 messages of the rooms that were joined; more, where more came since the component rendered. */
  readonly messages: readonly Message<unknown>[];
  /** The members, by room. */
  readonly presence: Presence;
  /** The room that lost messages last: after a reconnect the gateway no longer had them. */
  readonly gap: string | undefined;
  /** The client behind the hook, once the component is mounted. */
  readonly client: Client | undefined;
}

type Presence = Readonly<Record<string, readonly Member[]>>;

const NOTHING: State = {
  data: [],
  ready: false,
  status: "connecting",
  user: undefined,
  error: undefined,
  messages: [],
  presence: Object.create(null) as Presence,
  gap: undefined,
  client: undefined,
};

/** A query or a room that the component wants, with its state while the component has a client. */
interface Wanted<S> {
  /** What the component says of its user in this room. */
  about?: PresenceOptions;
  make: (client: Client) => Store<S>;
  store?: Store<S>;
  end?: () => void;
}

export class Hub {
  readonly store = storeOf(NOTHING, () => () => this.#end());
  /** The state that the component rendered last. */
  #rendered = NOTHING;
  readonly #queries = new Map<string, Wanted<LiveRows<never>>>();
  readonly #rooms = new Map<string, Wanted<RoomState<never>>>();
  /** What a call met, or the connection. */
  #error: TidegateError | undefined;
  #unsent: WireMessage[] = [];
  /** Whether this component sent what may be refused without a `ref`. */
  #posted = false;
  #url = "";
  #options: Options = {};
  /** The token of the options, when it was last looked at. */
  #token: Token | Hub = this;
  /** Whether a token is under way: who the component is is not known. */
  #asking = true;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #name = "";
  #account: Account | undefined;
  #leave = () => {};

  // -- whose client it is ---------------------------------------------------------------------------------------------

  /** The component has rendered `state`, with these options. */
  rendered(state: State, url: string, options: Options): void {
    const own = state !== this.#rendered;
    const { token } = options;
    const before = url === this.#url ? this.#token : this;
    this.#rendered = state;
    this.#url = url;
    this.#options = options;
    if (token === before) return;
    if (own && typeof token === "function" && typeof before === "function") this.#askLater(ASK_AGAIN_MS);
    else this.#ask();
  }

  /** The component is unmounted. */
  #end(): void {
    this.#token = this;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leave();
  }

  #askLater(milliseconds: number): void {
    this.#timer ??= setTimeout(() => this.#ask(), milliseconds);
  }

  /** Which user a function stands for shows only in a token that it gives. */
  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const options = this.#options;
    const { token } = options;
    this.#token = token;
    if (typeof token !== "function") return this.#become(options, token ?? "");
    this.#asking = true;
    const isCurrent = () => this.#token === token;
    try {
      const text = await token();
      if (isCurrent()) this.#become(options, text);
    } catch (error) {
      if (!isCurrent()) return;
      this.#met(tokenFailed(error));
      this.#askLater(RETRY_MS);
    }
  }

  /** Be the user that `text` names: `options.token` gave it. */
  #become(options: Options, text: string): void {
    const name = accountName(this.#url, options, text);
    this.#asking = false;
    if (name !== this.#name) {
      this.#leave();
      const [account, release] = shareAccount(name, this.#url, options, text);
      this.#name = name;
      this.#account = account;
      const end = this.#open(account.client);
      this.#leave = () => {
        this.#name = "";
        this.#leave = () => {};
        end();
        release();
      };
    }
    const account = this.#account as Account;
    const { token } = options;
    account.token = token;
    // A function is asked again for each connection; a new text is for this one too.
    if (account.text !== text && typeof token === "string") this.#call(account.client.authenticate(text));
    account.text = text;
    for (const message of this.#unsent.splice(0)) this.send(message);
  }

  // -- what the component calls ---------------------------------------------------------------------------------------

  readonly subscribe = (of: string, filters: Filters = {}): (() => void) => {
    const name = nameOf([of, { filters }]);
    this.#want(this.#queries, name, { make: (client) => liveStore(client, name, of, { filters }, 0) });
    return () => this.unsubscribe(of, filters);
  };

  readonly unsubscribe = (of: string, filters: Filters = {}): void => {
    this.#drop(this.#queries, nameOf([of, { filters }]));
  };

  /** Send a message of the protocol. What the client keeps across reconnects goes through its own functions. */
  readonly send = (message: WireMessage): void => {
    const { client } = this.store.get();
    const { type } = message;
    const name = message.room as string;
    const room = this.#rooms.get(name);
    if (type === "join" || (type === "presence" && room)) this.join(name, message as JoinOptions);
    else if (type === "leave") this.leave(name);
    else if (!client || this.#asking) this.#unsent.push(message);
    else if (type === "authenticate")
      this.#become({ ...this.#options, token: message.token as string }, message.token as string);
    else if (READS.has(type) || WRITES.has(type)) this.#call(client.request(message as never));
    else {
      this.#posted = true;
      this.#call((async () => client.send(message as never))());
    }
  };

  readonly join = (name: string, { status, info }: JoinOptions = {}): (() => void) => {
    const about = { ...this.#rooms.get(name)?.about, ...(status && { status }), ...(info && { info }) };
    const options = { ...about, history: 0, onMessage: (message: Message<never>) => this.#heard(message) };
    this.#want(this.#rooms, name, { about, make: (client) => roomStore(client, name, { current: { options } }) });
    return () => this.leave(name);
  };

  readonly leave = (name: string): void => {
    this.#drop(this.#rooms, name);
    this.store.set({ messages: this.store.get().messages.filter(({ room }) => room !== name) });
  };

  /** Want something, or want it again: with other options, or after a refusal. */
  #want<S>(all: Map<string, Wanted<S>>, name: string, wanted: Wanted<S>): void {
    const before = all.get(name);
    all.set(name, wanted);
    this.#start(wanted);
    before?.end?.();
  }

  #drop<S>(all: Map<string, Wanted<S>>, name: string): void {
    all.get(name)?.end?.();
    all.delete(name);
    this.#refresh();
  }

  /** Ask `client` for everything that the component wants; returns what gives it back. */
  #open(client: Client): () => void {
    this.#error = undefined;
    this.store.set({ ...NOTHING, status: client.status, user: client.user, client });
    const ends = [
      client.on("status", ({ status, error }) => {
        this.store.set({ status, user: client.user });
        if (error || status === "open") this.#met(error);
      }),
      client.on("error", (error) => this.#posted && this.#met(new RequestRefused(error))),
    ];
    const wanted = () => [...this.#rooms.values(), ...this.#queries.values()] as Wanted<object>[];
    for (const each of wanted()) this.#start(each);
    return () => {
      this.store.set({ client: undefined });
      for (const each of wanted()) each.end?.();
      all(...ends)();
    };
  }

  #start<S>(wanted: Wanted<S>): void {
    const { client } = this.store.get();
    if (!client) return;
    wanted.store = wanted.make(client);
    wanted.end = wanted.store.watch(() => this.#refresh());
    this.#refresh();
  }

  /** Add a message. One that the component has not rendered yet stays, however many there are. */
  #heard(message: Message<unknown>): void {
    const { messages } = this.store.get();
    this.store.set({ messages: added(messages, message, this.#rendered.messages, MESSAGES_KEPT) });
  }

  #call(called: Promise<unknown>): void {
    called.then(
      () => this.#met(undefined),
      (error) => this.#met(error),
    );
  }

  /** A call of this component, or the connection, met an error, or none. */
  #met(error: TidegateError | undefined): void {
    this.#error = error;
    this.#refresh();
  }

  #refresh(): void {
    const queries = [...this.#queries.values()].map(({ store }) => store?.get());
    const rooms = [...this.#rooms].map(([name, { store }]) => ({ name, ...store?.get() }));
    // Without a prototype, so that no room called `constructor` seems to be there.
    const presence = Object.create(null);
    for (const { name, members } of rooms) if (members?.length) presence[name] = members;
    this.store.set({
      data: queries.flatMap((query) => query?.rows ?? []),
      ready: queries.length > 0 && queries.every((query) => query?.ready),
      presence,
      gap: rooms.find(({ gap }) => gap)?.name,
      error: this.#error ?? [...queries, ...rooms].find((each) => each?.error)?.error,
    });
  }
}
