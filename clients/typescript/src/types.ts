// From an application's generated contract (`app.ts`) to the types of the client's methods.

import type {
  ClientMessages,
  ErrorCode,
  Replies,
  Row,
  RowKey,
  ServerMessages,
} from "../../../generated/typescript/protocol.js";

import type { RequestRefused } from "./errors.js";

/** What `connect<App>` takes: the `App` of a generated app.ts, or nothing for an untyped client. */
export interface AppContract {
  resources: object;
  rooms: object;
  clientMessages?: object;
  serverMessages?: object;
  replies?: object;
  partData?: object;
  refusalData?: object;
}

/**
 * Which `App` the hooks of `tidegate/react` know without being told; a program adds its own once:
 * `declare module "tidegate" { interface Register { app: App } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: a program's declaration fills it
export interface Register {}

/** The `App` of `Register`; without one, the program may name every resource and room. */
export type Registered = Register extends { app: infer A extends AppContract } ? A : AnyApp;

/** An application without a contract: the program may name every resource and room. */
export interface AnyApp {
  resources: Record<string, { row: AnyRow; create: Row; update: Row; filters: Row; key: RowKey }>;
  rooms: Record<string, unknown>;
}

// biome-ignore lint/suspicious/noExplicitAny: without a contract the client does not know the types of the values
type AnyRow = Record<string, any>;

export type ResourceName<A extends AppContract> = keyof A["resources"] & string;

type Part<A extends AppContract, N extends ResourceName<A>, K extends string> = A["resources"][N] extends {
  [P in K]: infer V;
}
  ? V
  : never;

export type RowOf<A extends AppContract, N extends ResourceName<A>> = Part<A, N, "row">;
export type CreateOf<A extends AppContract, N extends ResourceName<A>> = Part<A, N, "create">;
export type UpdateOf<A extends AppContract, N extends ResourceName<A>> = Part<A, N, "update">;
export type FiltersOf<A extends AppContract, N extends ResourceName<A>> = Part<A, N, "filters">;
export type KeyOf<A extends AppContract, N extends ResourceName<A>> = Part<A, N, "key">;

/** Messages of a client, the application's own among them, by type. */
export type RequestsOf<A extends AppContract> = ClientMessages & Own<A, "clientMessages">;
export type RepliesOf<A extends AppContract> = Replies & Own<A, "replies">;
/** The parts that come before the reply, by the type of the request. */
export type PartsOf<A extends AppContract> = Own<A, "partData">;

type OwnRefusals<Data> = {
  [N in keyof Data & string]: Omit<RequestRefused, "code" | "data"> & {
    readonly code: `app:${N}`;
    readonly data: Data[N];
  };
}[keyof Data & string];

/** How a request of the type `T` can be refused: `code` decides the type of `data`. */
export type RefusalOf<A extends AppContract, T> =
  | (Omit<RequestRefused, "code" | "data"> & { readonly code: ErrorCode; readonly data?: undefined })
  | (Own<A, "refusalData"> extends infer R ? (T extends keyof R ? OwnRefusals<R[T]> : never) : never);

/** Messages of the gateway, by type. */
export type PushesOf<A extends AppContract> = ServerMessages & Own<A, "serverMessages">;

/**
 * A request as the program writes it: the client adds the `ref`, and the `type` stands beside it. Unlike `Omit`, it keeps
 * each alternative of a union, and the named properties of an object that takes any others.
 */
export type Asked<M> = M extends unknown ? { [P in keyof M as P extends "ref" | "type" ? never : P]: M[P] } : never;

type Own<A, K extends string> = A extends { [P in K]: infer Messages extends object } ? Messages : object;

/** The names that a pattern matches: `*` and parameters such as `{id}` stand for any text. */
type Names<Pattern extends string> = Pattern extends `${infer Before}{${string}}${infer After}`
  ? `${Names<Before>}${string}${Names<After>}`
  : Pattern extends `${infer Before}*${infer After}`
    ? `${Before}${string}${Names<After>}`
    : Pattern;

type Fits<Room extends string, Pattern> = Pattern extends string
  ? Names<Pattern> extends Pattern
    ? Pattern extends Room
      ? Pattern
      : never
    : Room extends Names<Pattern>
      ? Pattern
      : never
  : never;

/** The pattern that covers a room: the open one, `*`, only where no other does. */
type Covering<Rooms, Room extends string> = [Exclude<Fits<Room, keyof Rooms>, "*">] extends [never]
  ? Fits<Room, keyof Rooms>
  : Exclude<Fits<Room, keyof Rooms>, "*">;

/** The data of messages in `Room`; `never` where no pattern covers it. */
export type DataOf<A extends AppContract, Room extends string> = string extends keyof A["rooms"]
  ? A["rooms"][keyof A["rooms"]]
  : A["rooms"][Covering<A["rooms"], Room> & keyof A["rooms"]];
