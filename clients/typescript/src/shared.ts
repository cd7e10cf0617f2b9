// One client for all components that want the same gateway with the same token, kept for as long as one of them does.

import { type Client, connect } from "./client.js";
import type { Options } from "./options.js";

interface Shared {
  client: Client;
  uses: number;
}

const clients = new Map<string, Shared>();

/** Take part in the client of `url`; returns it and what gives it back. */
export function share(url: string, options: Options): { client: Client; release: () => void } {
  const key = JSON.stringify([url, typeof options.token === "string" ? options.token : null]);
  let shared = clients.get(key);
  if (!shared) {
    shared = { client: connect(url, options), uses: 0 };
    clients.set(key, shared);
  }
  const taken = shared;
  taken.uses += 1;
  return {
    client: taken.client,
    release: () => {
      taken.uses -= 1;
      // StrictMode unmounts and mounts again at once: closing waits a turn to see whether somebody comes back.
      setTimeout(() => {
        if (taken.uses > 0 || clients.get(key) !== taken) return;
        clients.delete(key);
        taken.client.close();
      }, 0);
    },
  };
}
