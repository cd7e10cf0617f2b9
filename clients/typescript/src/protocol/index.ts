// The meaning of every error code and close code. Tables of texts: a program that shows none of them needs none in its bundle.

export { CLOSES, ERRORS, PROTOCOL_VERSION } from "../../../../generated/typescript/protocol.js";
