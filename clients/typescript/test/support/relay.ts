// A relay between a client and a gateway, which can break their connections, send a byte at a time, and let no WebSocket
// through.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A request for a WebSocket, up to its `Upgrade`. */
const UPGRADE = /^(GET [\s\S]*\r\n)Upgrade: websocket\r\n/i;

export class Relay {
  /** At most so many bytes at once. */
  chunk: number | undefined;
  /** Whether new connections come about. */
  up = true;
  /**
   * What becomes of a request for a WebSocket: "remove" takes its `Upgrade` away, as a reverse proxy does that does not know
   * WebSockets; "swallow" passes nothing on, as some firewalls do.
   */
  upgrades: "pass" | "remove" | "swallow" = "pass";
  /** Requests for a WebSocket so far. */
  asked = 0;
  readonly #sockets = new Set<Socket>();
  readonly #swallowed = new WeakSet<Socket>();
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  stop(): void {
    this.#server.close();
    this.cut();
  }

  /** Break every connection, without a close frame. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Pass on nothing more of the present connections, and end none: the network is another one. */
  swallow(): void {
    for (const socket of this.#sockets) this.#swallowed.add(socket);
  }

  #accept(here: Socket): void {
    if (!this.up) {
      here.destroy();
      return;
    }
    const there = connect(this.#port, "127.0.0.1");
    here.setNoDelay();
    this.#passOn(here, there);
    this.#passOn(there, here);
  }

  #passOn(source: Socket, sink: Socket): void {
    this.#sockets.add(source);
    source.on("error", () => {});
    source.on("close", () => sink.destroy());
    source.on("end", () => sink.end());
    source.on("data", (data: Buffer) => {
      const head = data.toString("latin1");
      if (UPGRADE.test(head)) {
        this.asked += 1;
        if (this.upgrades === "swallow") this.#swallowed.add(source);
        if (this.upgrades === "remove") data = Buffer.from(head.replace(UPGRADE, "$1"), "latin1");
      }
      if (this.#swallowed.has(source)) return;
      const size = this.chunk ?? data.length;
      for (let at = 0; at < data.length && !sink.destroyed; at += size) sink.write(data.subarray(at, at + size));
    });
  }
}
