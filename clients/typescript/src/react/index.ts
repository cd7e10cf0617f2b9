// The public names of `tidegate/react`.

export { type Mutation, type Request, useMutation, useRequest } from "./calls.js";
export type { ConnectionState } from "./connection.js";
export { type ProviderProps, TidegateProvider, useClient, useConnection } from "./context.js";
export type { State } from "./hub.js";
export { useMyPresence, useOthers } from "./members.js";
export { type RoomCalls, type RoomOptions, type RoomState, useRoom } from "./use_room.js";
export { type LiveQueryOptions, type LiveRow, type LiveRows, useLiveQuery, useRow } from "./use_rows.js";
export { type SentMessage, type UseWebSocket, useWebSocket } from "./websocket.js";
