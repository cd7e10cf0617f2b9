// One client for all components that want the same gateway with the same token, kept as long as one of them is mounted.
//
// Invariant: a client or a room ends a turn after its last release: StrictMode unmounts a component and mounts it again
// at once.

import { type Client, connect } from "../client.js";
import type { Options } from "../options.js";

export interface Shared {
  readonly client: Client;
  /** Be in a room; returns the function that ends it. The last component to end it leaves the room. */
  enter(room: string): () => void;
  release(): void;
}

/** Counts the uses of something, and calls `unused` after the last. */
class Uses {
  #count = 0;
  #over = false;
  readonly #unused: () => void;

  constructor(unused: () => void) {
    this.#unused = unused;
  }

  take(): () => void {
    this.#count += 1;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#count -= 1;
      setTimeout(() => {
        if (this.#count > 0 || this.#over) return;
        this.#over = true;
        this.#unused();
      }, 0);
    };
  }
}

interface Known {
  client: Client;
  uses: Uses;
  rooms: Map<string, Uses>;
}

const known = new Map<string, Known>();

/** Share the client of `url`. All token functions count as equal: a component makes a new one at each render. */
export function share(url: string, options: Options): Shared {
  const key = JSON.stringify([url, typeof options.token, typeof options.token === "string" ? options.token : null]);
  const shared = known.get(key) ?? open(key, url, options);
  const release = shared.uses.take();
  return {
    client: shared.client,
    enter: (room) => {
      let uses = shared.rooms.get(room);
      if (!uses) {
        uses = new Uses(() => {
          shared.rooms.delete(room);
          shared.client.room(room).leave();
        });
        shared.rooms.set(room, uses);
      }
      return uses.take();
    },
    release,
  };
}

function open(key: string, url: string, options: Options): Known {
  const client = connect(url, options);
  const uses = new Uses(() => {
    if (known.get(key)?.client === client) known.delete(key);
    client.close();
  });
  const shared = { client, uses, rooms: new Map<string, Uses>() };
  known.set(key, shared);
  return shared;
}
