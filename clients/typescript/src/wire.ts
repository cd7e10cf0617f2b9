// The JSON of the wire: encoding what the client sends, decoding what the gateway sends.
//
// It knows neither sockets nor what a message means. Reading is lenient, as the protocol asks of clients.
// Invariants: a message without a text `type` never leaves `decode`; a text that the gateway cannot read as the program
// meant it never leaves `encode`.

import { TidegateError } from "./errors.js";

/** A message of any type. */
export type WireMessage = { type: string; ref?: string | number; [property: string]: unknown };

/** A request that writes rows. */
export interface WriteMessage extends WireMessage {
  type: "create" | "update" | "delete";
  resource: string;
  key: string;
  id?: unknown;
  ids?: unknown[];
  data?: unknown;
  if?: object | undefined;
}

/** `JSON.stringify` writes half of a surrogate pair, such as a cut emoji, as an escape that the gateway cannot read. */
const HALF_CHARACTER = /[^\\](\\\\)*\\ud[89a-f]/;

/** `value` of a message, as it is now and as the gateway will see it. Throws as `encode` does. */
export function plain<T extends object>(type: string, value: T): T {
  return JSON.parse(encode({ type, value })).value;
}

/** One frame's payload. Throws TidegateError `not_json` for values that JSON does not have. */
export function encode(message: WireMessage): string {
  try {
    const text = JSON.stringify(message, onlyFinite);
    if (!HALF_CHARACTER.test(text)) return text;
    throw new Error("half a character");
  } catch (error) {
    throw new TidegateError("not_json", `'${message.type}' is not JSON: ${(error as Error)?.message}`);
  }
}

/** JSON has no NaN: `JSON.stringify` alone writes null, which deletes a value. */
function onlyFinite(_name: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(String(value));
  return value;
}

/** A message of the gateway; undefined for a frame that holds none: not JSON, not an object, no `type`. */
export function decode(data: unknown): WireMessage | undefined {
  try {
    const message = JSON.parse(data as string);
    return typeof message.type === "string" ? message : undefined;
  } catch {} // not JSON
}
