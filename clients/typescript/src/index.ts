export type * from "../../../generated/typescript/protocol.js";
export { CLOSES, ERRORS, PROTOCOL_VERSION } from "../../../generated/typescript/protocol.js";
export { Client, connect } from "./client.js";
export {
  ClientClosed,
  ConnectionClosed,
  ConnectionLost,
  ConnectionRefused,
  RequestRefused,
  RequestTimeout,
  TidegateError,
} from "./errors.js";
export type { Message, Status } from "./link.js";
export type { Change } from "./live.js";
export type { Environment, Options, Socket, SocketConstructor } from "./options.js";
export type { ListOptions, LiveQuery, Resource } from "./resource.js";
export type { JoinOptions, Room, Said } from "./room.js";
export type {
  AnyApp,
  AppContract,
  CreateOf,
  DataOf,
  FiltersOf,
  KeyOf,
  PushesOf,
  RepliesOf,
  RequestsOf,
  ResourceName,
  RowOf,
  UpdateOf,
} from "./types.js";
