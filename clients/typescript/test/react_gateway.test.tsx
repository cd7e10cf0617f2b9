// @vitest-environment happy-dom
// The hooks of `tidegate/react` over a real gateway: rows of the database, a room with its history, another member, a restart.

import { cleanup, render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import WebSocket from "ws";
import { type Client, connect } from "../src/index.js";
import {
  TidegateProvider,
  useConnection,
  useLiveQuery,
  useMutation,
  useMyPresence,
  useOthers,
  useRequest,
  useRoom,
  useRow,
} from "../src/react/index.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";

const gateway = new Gateway();
const options = { WebSocket: WebSocket as never, identity: "none" } as const;
let client: Client;
let other: Client;

beforeAll(async () => {
  gateway.migrate();
  await gateway.start();
});
afterEach(() => {
  cleanup();
  client?.close();
  other?.close();
});
afterAll(() => gateway.remove());

let users: ReturnType<typeof useLiveQuery<"users">>;
let row: ReturnType<typeof useRow<"users">>["row"];
let write: ReturnType<typeof useMutation<"users">>;
let room: ReturnType<typeof useRoom<"chat-1">>;
let others: string[];
let mine: ReturnType<typeof useMyPresence>;
let ping: ReturnType<typeof useRequest<"ping">>;
let connection: ReturnType<typeof useConnection>;

function Page() {
  users = useLiveQuery("users", { filters: { status: "active" }, sort: ["-name"], limit: 2 });
  row = useRow("users", 1).row;
  write = useMutation("users");
  room = useRoom("chat-1", { history: 2 });
  others = useOthers("chat-1", (members) => members.map(({ name }) => name));
  mine = useMyPresence("chat-1");
  ping = useRequest("ping");
  connection = useConnection();
  return null;
}

it("shows rows, rooms and members as the gateway has them, through its restart", async () => {
  client = connect(gateway.url, options);
  other = connect(gateway.url, options);
  const theirs = await other.join("chat-1");
  for (const text of ["one", "two", "three"]) await theirs.send({ text });
  render(
    <StrictMode>
      <TidegateProvider client={client}>
        <Page />
      </TidegateProvider>
    </StrictMode>,
  );
  const texts = () => room.messages.map(({ data }) => data.text);
  await eventually(() => expect([texts(), room.more, users.status]).toEqual([["two", "three"], true, "live"]));
  expect([room.me?.id, others, connection.status]).toEqual([client.user?.id, [other.user?.name], "open"]);

  await room.loadMore();
  await room.send({ text: "four" });
  await eventually(() => expect([texts(), room.more]).toEqual([["one", "two", "three", "four"], false]));
  await mine[1]({ status: "away", info: { at: 1 } });
  await eventually(() => expect(theirs.members.find(({ id }) => id === room.me?.id)?.status).toBe("away"));
  expect((await ping.call()).time).toBeGreaterThan(0);

  for (const name of ["Ann", "Bob", "Cem"]) await write.create({ name, email: `${name}@example.org` });
  await eventually(() => expect(users.rows.map(({ name }) => name)).toEqual(["Cem", "Bob"]));
  expect([users.hasMore, row?.name]).toEqual([true, "Ann"]);
  await expect(write.create({ name: "", email: "x@example.org" })).rejects.toMatchObject({ pointer: "/data/name" });
  await eventually(() => expect(write.error).toMatchObject({ code: "invalid_data" }));
  expect([users.error, room.error]).toEqual([undefined, undefined]);

  await gateway.stop("SIGKILL");
  await eventually(() => expect([users.status, room.status, connection.status]).not.toContain("open"));
  gateway.sql("update users set name = 'Zoe' where name = 'Ann'");
  await gateway.start();
  await eventually(() => expect(users.rows.map(({ name }) => name)).toEqual(["Zoe", "Cem"]));
  await eventually(() => expect([row?.name, room.status, users.status]).toEqual(["Zoe", "joined", "live"]));
});
