// What the protocol says of values and codes, for programs that need it: the meaning of every error code and close code, and
// integers of 64 bits. A program that shows no such text and writes no such integer has nothing of it in its bundle.

export { CLOSES, ERRORS, PROTOCOL_VERSION } from "../../../../generated/typescript/protocol.js";
export { type Int64, int64 } from "../int64.js";
