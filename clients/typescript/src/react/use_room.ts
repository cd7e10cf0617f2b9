// Rooms in components: messages with their history, members, and what a member can do.
//
// Invariant: every message of the room is in at least one state of `messages`, in order, and each listener hears it once.

import type { Member, RoomPosition } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { TidegateError } from "../errors.js";
import type { JoinOptions, Message } from "../membership.js";
import { isKnown } from "../positions.js";
import type { Room } from "../room.js";
import type { DataOf, Registered } from "../types.js";
import { useAnyClient } from "./context.js";
import { enter, type Name } from "./enter.js";
import { useEffect, useMemo, useRef } from "./react.js";
import { all, storeOf, useStore } from "./store.js";

/** Messages that a component keeps, beside the older ones that it loads. */
const KEPT = 1000;

export interface RoomOptions<T> extends Omit<JoinOptions, "since"> {
  /** Messages of a page of history; 0 begins with the messages to come. The gateway knows a default. */
  history?: number | undefined;
  /** Called once for each message that comes, in order. */
  onMessage?: ((message: Message<T>) => void) | undefined;
}

export interface RoomState<T> {
  /** Oldest first: the last page of the room's history, and every message since. */
  readonly messages: readonly Message<T>[];
  /** There are older messages, for `loadMore`. */
  readonly more: boolean;
  /** In the order in which they came. */
  readonly members: readonly Member[];
  /** This user, as the other members see it. */
  readonly me: Member | undefined;
  readonly status: Room["status"];
  /** After a reconnect the gateway could not replay every message: some are missing, until `reload`. */
  readonly gap: boolean;
  /** What refused or ended the membership. */
  readonly error: TidegateError | undefined;
}

export interface RoomCalls<T> extends Pick<Room<T>, "send" | "update"> {
  /** Add the page of history before the first message. */
  readonly loadMore: () => Promise<void>;
  /** Replace the messages by the last page of history. */
  readonly reload: () => Promise<void>;
}

type State = RoomState<never>;
const LEFT: State = {
  messages: [],
  more: false,
  members: [],
  me: undefined,
  status: "left",
  gap: false,
  error: undefined,
};

/** What a component asks of a room now, and the messages that it rendered last; without those it collects none. */
export interface Rendered {
  options: RoomOptions<never>;
  seen?: readonly Message<never>[];
}

/** `messages` and one more: the last `kept`, and every one that was not `seen` yet. */
export function added<M>(messages: readonly M[], message: M, seen: readonly M[], kept: number): M[] {
  const unseen = messages.length - messages.lastIndexOf(seen.at(-1) as M);
  return [...messages, message].slice(-Math.max(kept, unseen));
}

/** A room as one component shows it, and what a member can do. */
export function roomStore(client: Client, name: Name, latest: { readonly current: Rendered }) {
  const room = client.room(name ?? "") as unknown as Room<never>;
  let kept = KEPT;
  const load = async (before?: RoomPosition) => {
    const old = store.get().messages;
    const page = await room.history({ before, limit: latest.current.options.history });
    const last = page.messages.at(-1)?.position;
    const isLater = (message: Message<never>) => before || !(old.includes(message) || isKnown(last, message.position));
    const messages = [...page.messages, ...store.get().messages.filter(isLater)];
    kept = Math.max(KEPT, messages.length);
    store.set({ messages, more: page.more, ...(!before && { gap: false }) });
  };
  const store = storeOf<State>(name ? { ...LEFT, status: "joining" } : LEFT, ({ get, set, fail }) => {
    if (!name) return () => {};
    const leave = enter(client, room, latest.current.options, fail);
    let isNew = true;
    const read = () => {
      const { status, members, me } = room;
      set({ status, members, me });
      if (status !== "joined") return;
      set({ error: undefined });
      if (isNew && latest.current.options.history !== 0) load().catch(fail);
      isNew = false;
    };
    read();
    const heard = (message: Message<never>) => {
      const { options, seen } = latest.current;
      const { messages, more } = get();
      if (seen) {
        const next = added(messages, message, seen, kept);
        set({ messages: next, more: more || next.length <= messages.length });
      }
      options.onMessage?.(message);
    };
    return all(
      room.on("message", heard),
      room.on("presence", read),
      room.on("status", read),
      room.on("gap", () => set({ gap: true })),
      leave,
    );
  });
  const calls: RoomCalls<never> = {
    send: (...said) => room.send(...said),
    update: (about) => room.update(about),
    loadMore: () => load(store.get().messages[0]?.position),
    reload: () => load(),
  };
  return { ...store, calls };
}

/** Be in a room: its messages, its members, and what a member can do. With null, in none. */
export function useRoom<R extends string>(
  name: R | null | undefined,
  options: RoomOptions<DataOf<Registered, R>> = {},
): RoomState<DataOf<Registered, R>> & RoomCalls<DataOf<Registered, R>> {
  const client = useAnyClient();
  const latest = useRef<Rendered>({ options: options as RoomOptions<never> });
  const room = useMemo(() => roomStore(client, name, latest), [client, name]);
  const state = useStore(room);
  useEffect(() => {
    latest.current = { options: options as RoomOptions<never>, seen: state.messages };
  });
  return useMemo(() => ({ ...state, ...room.calls }), [state, room]) as never;
}
