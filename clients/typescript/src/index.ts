// The public names of the client; `react.ts` has those of the React hook.

export type * from "../../../generated/typescript/protocol.js";
export { Client, connect, type RequestOptions } from "./client.js";
export {
  ClientClosed,
  ConnectionClosed,
  ConnectionLost,
  ConnectionRefused,
  InvalidOption,
  RequestRefused,
  RequestTimeout,
  TidegateError,
} from "./errors.js";
export type { Int64 } from "./int64.js";
export type { Status } from "./link.js";
export type {
  Gap,
  History,
  HistoryOptions,
  JoinOptions,
  Message,
  PresenceOptions,
  RoomStatus,
} from "./membership.js";
export type { Clock, Options, PropertyType, ResourceShape, Socket, SocketConstructor, Token } from "./options.js";
export type { Parts, PartsOptions } from "./parts.js";
export type { Position } from "./positions.js";
export type { Room } from "./room.js";
export type { LiveQuery } from "./rows/live.js";
export type { Sort } from "./rows/order.js";
export type { Change, LiveStatus, Since } from "./rows/query.js";
export {
  type CreateOptions,
  type GetOptions,
  type ListOptions,
  type Resource,
  resource,
  type SubscribeOptions,
  type WriteOptions,
} from "./rows/resource.js";
export type {
  AnyApp,
  AppContract,
  CreateOf,
  DataOf,
  FiltersOf,
  KeyOf,
  PartsOf,
  PushesOf,
  RefusalOf,
  Register,
  Registered,
  RepliesOf,
  RequestsOf,
  ResourceName,
  RowOf,
  UpdateOf,
} from "./types.js";
