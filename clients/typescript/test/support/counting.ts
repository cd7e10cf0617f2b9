// Clients of a real gateway whose requests a test can count.

import WebSocket from "ws";
import {
  type AnyApp,
  type AppContract,
  type Client,
  connect,
  type Options,
  type SocketConstructor,
} from "../../src/index.js";
import type { WireMessage } from "../../src/wire.js";

/** A client, and the messages that it sent. */
export function counted<A extends AppContract = AnyApp>(url: string, options: Options = {}) {
  const sent: WireMessage[] = [];
  const sockets: WebSocket[] = [];
  class Counting extends WebSocket {
    constructor(address: string, protocols?: string[]) {
      super(address, protocols);
      sockets.push(this);
    }
    override send(data: string): void {
      sent.push(JSON.parse(data));
      super.send(data);
    }
  }
  const client: Client<A> = connect<A>(url, { ...options, WebSocket: Counting as unknown as SocketConstructor });
  return {
    client,
    sent,
    /** The messages of a type since the last call. */
    take: (type: string) => {
      const taken = sent.filter((message) => message.type === type);
      sent.splice(0, sent.length, ...sent.filter((message) => message.type !== type));
      return taken;
    },
    /** Break the connection, as a network does. */
    cut: () => sockets.at(-1)?.terminate(),
  };
}
