// `tidegate/testing`: a gateway without a network, for tests of programs that use the client.
//
// The client itself is the real one; only its WebSocket is replaced. So a component that works with the fake gateway works with
// the same calls as with a real one.

export type { FakeAnswer } from "./answers.js";
export type { FakeConnection } from "./connection.js";
export { FakeGateway, type FakeOptions, fakeGateway } from "./gateway.js";
export { refuse } from "./refusals.js";
export type { FakeRoom } from "./rooms.js";
export type { FakeRows } from "./rows.js";
export type { FakeUser } from "./users.js";
