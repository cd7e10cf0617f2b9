// The JSON of the wire: encoding what the client sends, decoding what the gateway sends.
//
// It knows neither sockets nor what a message means. Reading is lenient, as the protocol asks of clients.
// Invariant: a message without a text `type` never leaves `decode`.

/** A message of any type. */
export type WireMessage = { type: string; ref?: string | number; [property: string]: unknown };

const encoder = new TextEncoder();

/** One frame's payload. */
export function encode(message: WireMessage): string {
  return JSON.stringify(message);
}

/** A message of the gateway; undefined for a frame that holds none: not JSON, not an object, no `type`. */
export function decode(data: unknown): WireMessage | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const message: unknown = JSON.parse(data);
    const isMessage = typeof message === "object" && message !== null && "type" in message;
    return isMessage && typeof message.type === "string" ? (message as WireMessage) : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of `text` in UTF-8, if there are more than `limit`; otherwise undefined. */
export function bytesOver(limit: number, text: string): number | undefined {
  if (text.length * 3 <= limit) return undefined;
  const { length } = encoder.encode(text);
  return length > limit ? length : undefined;
}
