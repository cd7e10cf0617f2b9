// What a component shows, as React wants it, and what several components use together.
//
// Invariant: a component that renders starts nothing. What it needs starts when it is mounted, and what components share
// ends a moment after its last user, because StrictMode unmounts a component and mounts it again at once.

import { ClientClosed } from "../errors.js";
import { isEqual } from "../rows/equal.js";
import { useSyncExternalStore } from "./react.js";

/** A state that one component shows. */
export interface Store<S> {
  get(): S;
  watch(notify: () => void): () => void;
  /** Change properties. What is equal to what it was stays the same object; nothing happens where all is. */
  set(part: Partial<S>): void;
  /** Show an error, and change `more`; the program's own closing of its client is none. */
  fail(error: unknown, more?: Partial<S>): void;
}

/** A store that is `now` so, on a server too. `start` begins when it is watched, and returns its end. */
export function storeOf<S extends object>(now: S, start: (store: Store<S>) => () => void): Store<S> {
  let notify = () => {};
  const store: Store<S> = {
    get: () => now,
    watch: (watcher) => {
      notify = watcher;
      return start(store);
    },
    set: (part) => {
      const changed = Object.entries(part).filter(([name, value]) => !isEqual(now[name as keyof S], value));
      if (changed.length === 0) return;
      now = { ...now, ...Object.fromEntries(changed) };
      notify();
    },
    fail: (error, more) => {
      if (!(error instanceof ClientClosed)) store.set({ error, ...more } as object);
    },
  };
  return store;
}

/** The state of `store`; `first`: as a server renders it, and the browser before it takes over. */
export function useStore<S>({ watch, get }: Store<S>, first = get): S {
  return useSyncExternalStore(watch, get, first);
}

/** One function that calls all of `ends`. */
export function all(...ends: (() => unknown)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}

/** Things that several components use, by name, each with what ends it. */
export type Held = Map<string, { made: readonly [thing: unknown, end: () => void]; uses: number }>;

/**
 * Use the thing called `name`; returns it, and what lets go of it, which is called once. The thing ends `linger` milliseconds
 * after its last user.
 */
export function hold<T>(held: Held, name: string, make: () => readonly [T, () => void], linger = 0) {
  const entry = held.get(name) ?? { made: make(), uses: 0 };
  const [thing, end] = entry.made;
  held.set(name, entry);
  entry.uses += 1;
  const letGo = () => {
    entry.uses -= 1;
    if (entry.uses > 0) return;
    if (held.get(name) === entry) held.delete(name);
    end();
  };
  return [thing as T, () => void setTimeout(letGo, linger)] as const;
}

const clients = new WeakMap<object, Held>();

/** What components hold of a client. */
export function heldOf(client: object): Held {
  const held = clients.get(client) ?? new Map();
  clients.set(client, held);
  return held;
}
