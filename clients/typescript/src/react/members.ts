// The members of a room, for components that show no messages: the others, and what this user shows of itself.
//
// Invariant: a component renders when what it selects is another value, not at each change of a member.

import type { Member } from "../../../../generated/typescript/protocol.js";
import type { PresenceOptions } from "../membership.js";
import { isEqual } from "../rows/equal.js";
import { useAnyClient } from "./context.js";
import type { Name } from "./enter.js";
import { useMemo, useRef, useState, useSyncExternalStore } from "./react.js";
import type { Store } from "./store.js";
import { type RoomState, roomStore } from "./use_room.js";

type Members = readonly Member[];

const NOTHING: PresenceOptions = {};
const QUIET = { current: { options: { history: 0 } } };

/** A room without its messages. */
function useQuietRoom(name: Name) {
  const client = useAnyClient();
  return useMemo(() => roomStore(client, name, QUIET), [client, name]);
}

/** What `select` makes of a room's state; the component renders when that is another value. */
function useSelected<T>(
  { watch, get }: Store<RoomState<never>>,
  select: (state: RoomState<never>) => T,
  isSame: (a: T, b: T) => boolean = isEqual,
): T {
  const last = useRef<{ state?: unknown; select?: unknown; value?: T }>({});
  const pick = () => {
    const state = get();
    const before = last.current;
    if (before.state !== state || before.select !== select) {
      const value = select(state);
      last.current = { state, select, value: before.state && isSame(before.value as T, value) ? before.value : value };
    }
    return last.current.value as T;
  };
  return useSyncExternalStore(watch, pick, pick);
}

/** The members of a room other than this user, or what `select` makes of them: a component renders when that changes. */
export function useOthers(room: Name): Members;
export function useOthers<T>(room: Name, select: (others: Members) => T, isSame?: (a: T, b: T) => boolean): T;
export function useOthers(
  room: Name,
  select = (others: Members): unknown => others,
  isSame?: (a: unknown, b: unknown) => boolean,
): unknown {
  return useSelected(
    useQuietRoom(room),
    ({ members, me }) => select(members.filter((member) => member !== me)),
    isSame,
  );
}

const selectMe = ({ me }: RoomState<never>) => me;

/** What this user shows to the other members, and the function that changes it. */
export function useMyPresence(
  room: Name,
): readonly [mine: PresenceOptions, set: (part: PresenceOptions) => Promise<Members>] {
  const quiet = useQuietRoom(room);
  const me = useSelected(quiet, selectMe);
  const [said, say] = useState<PresenceOptions>(NOTHING);
  const set = useMemo(() => {
    let open = 0;
    say(NOTHING); // what was said in another room
    return (part: PresenceOptions) => {
      open += 1;
      say((now) => ({ ...now, ...part })); // shown at once
      // When none is under way, the members tell it, or the gateway refused it.
      return quiet.calls.update(part).finally(() => --open || say(NOTHING));
    };
  }, [quiet]);
  return useMemo(() => [{ status: me?.status, info: me?.info, ...said }, set], [me, said, set]);
}
