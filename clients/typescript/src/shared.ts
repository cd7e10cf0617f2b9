// One client for all components that want the same gateway with the same token, kept for as long as one of them does.
//
// What is given back is given up a turn later: StrictMode unmounts a component and mounts it again at once.

import { type Client, connect } from "./client.js";
import type { Options } from "./options.js";

export interface Shared {
  readonly client: Client;
  /** Be in a room; returns what ends it. Whoever is in it last leaves it. */
  enter(room: string): () => void;
  release(): void;
}

/** How many want something, and what happens when nobody does. */
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

/** Take part in the client of `url`. Token functions are taken for equal: a component makes a new one at each render. */
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
