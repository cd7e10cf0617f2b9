// The TypeScript client under observation: a live query and a room, on a line that breaks. It prints what it sees, one JSON
// object a line, until the last row and the last message. Arguments: the url and the room.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { connect, resource } from "./dist/index.js";

// It runs in the folder of the TypeScript client, whose development dependency `ws` is.
const WebSocket = createRequire(pathToFileURL(`${process.cwd()}/package.json`))("ws");

const LAST = "the end";
const [url, name] = process.argv.slice(-2);
const say = (entry) => console.log(JSON.stringify(entry));

// A random number near 0 shortens the backoff.
const client = connect(url, { WebSocket, random: () => 0.02 * Math.random() });
client.on("status", ({ status }) => status === "open" && say({ open: true }));

const live = resource(client, "tasks").subscribe({ filters: { done: false } });
const rowsEnd = new Promise((resolve) => {
  live.on("update", ({ action, key, row }) => {
    say({ change: [action, key ?? null, row?.title ?? null] });
    if (row?.title === LAST) queueMicrotask(resolve);
  });
  live.on("change", (rows) => {
    if (!live.ready || !live.position) return;
    say({ rows: Object.fromEntries(rows.map(({ id, title }) => [id, title])), seq: live.position.seq });
  });
});

const room = client.room(name);
const messagesEnd = new Promise((resolve) => {
  room.on("message", ({ position, data, gap }) => {
    say({ message: position.offset, text: data.text, gap });
    if (data.text === LAST) resolve();
  });
});
await room.join();
await Promise.all([rowsEnd, messagesEnd]);
await new Promise((resolve) => setTimeout(resolve, 0)); // the last "change" comes a turn after its "update"
client.close();
