// What tests of rooms share: members, messages, and a client in a room.

import type { Room } from "../../src/index.js";
import type { Scripted } from "./scripted.js";

export const member = (id: string, fields: object = {}) => ({
  id,
  name: `User ${id}`,
  status: "online",
  connections: 1,
  since: 1,
  ...fields,
});

export function message(text: string, offset: number, epoch = "r") {
  const sender = { id: "8", name: "Bob" };
  return { room: "a", from: "8", sender, data: { text }, position: { epoch, offset }, time: 1 };
}

/** A client in the room "a", and what it hears there. */
export async function joinedIn(gateway: Scripted, fields: object = {}) {
  const { client, line } = await gateway.open();
  const room = client.room("a");
  const joining = room.join();
  line.join("a", fields);
  await joining;
  return { client, line, room, heard: listen(room) };
}

export function listen(room: Room<unknown>): unknown[] {
  const heard: unknown[] = [];
  room.on("message", ({ data }) => heard.push((data as { text: string }).text));
  room.on("gap", () => heard.push("gap"));
  room.on("error", ({ message }) => heard.push(message));
  return heard;
}

export function ids(room: Room<unknown>): string[] {
  return room.members.map(({ id }) => id);
}
