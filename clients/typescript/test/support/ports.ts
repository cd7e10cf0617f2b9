/**
 * Ports for servers that tests stop and start again.
 *
 * They are outside the range from which the system gives ports to outgoing connections: a stopped server finds its
 * port free. Invariant: two tests never have the same port, also in different processes.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";

const FIRST = 30_000;
const PAIRS = 1_000;

/** A port of 127.0.0.1. */
export class Port {
  /** It listens on the port below, and so no other test gets this one. */
  readonly #claim: Server;

  private constructor(
    readonly number: number,
    claim: Server,
  ) {
    this.#claim = claim;
  }

  static async claim(): Promise<Port> {
    for (;;) {
      const below = FIRST + 2 * Math.floor(PAIRS * Math.random());
      const claim = await listening(below);
      if (claim === undefined) continue;
      const server = await listening(below + 1);
      if (server === undefined) {
        claim.close();
        continue;
      }
      server.close();
      await once(server, "close");
      claim.unref();
      return new Port(below + 1, claim);
    }
  }

  release(): void {
    this.#claim.close();
  }
}

/** Undefined where something else listens there. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
