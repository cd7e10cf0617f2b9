// The seed's plain JavaScript client. It says exactly the messages of the seed's README and prints, as one JSON object,
// what came back. Arguments: the gateway's WebSocket URL and the path of its SQLite database.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// `ws` is a development dependency of the TypeScript client, in whose folder this runs.
const require = createRequire(pathToFileURL(`${process.cwd()}/package.json`));
const WebSocket = require("ws");

const [url, database] = process.argv.slice(2);
const SQL = "insert into users (name, email) values ('Added by a process', 'process@example.com')";
const FOREIGN_WRITER = `import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()`;

const ws = new WebSocket(url);
const heard = [];
const waiting = [];

ws.onmessage = (event) => {
  const message = JSON.parse(event.data);
  heard.push(message);
  for (const wait of [...waiting]) if (wait.wanted(message)) wait.resolve(message);
};

function next(wanted) {
  return new Promise((resolve) => {
    const known = heard.find(wanted);
    if (known) resolve(known);
    else waiting.push({ wanted, resolve });
  });
}

const say = (message, socket = ws) => socket.send(JSON.stringify(message));
const opened = (socket) => new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });

await opened(ws);
const welcome = await next((m) => m.type === "welcome");

say({ type: "join", room: "users" });
say({ type: "subscribe", resource: "users", filters: { status: "active" } });
say({ type: "message", room: "users", data: { text: "Hello" } });
const message = await next((m) => m.type === "message");
say({ type: "presence", room: "users" });
const presence = await next((m) => m.type === "presence");

// Another client adds a user.
const other = new WebSocket(url);
await opened(other);
say({ type: "create", resource: "users", data: { name: "Added by a client", email: "client@example.com" } }, other);
say({ type: "create", resource: "users", data: { name: "Not active", email: "not@example.com", status: "inactive" } }, other);
const updateAfterOtherClient = await next((m) => m.type === "update");

// Another process adds a user: the database's own file, no gateway in between.
const written = spawnSync("python3", ["-c", FOREIGN_WRITER, database, SQL], { encoding: "utf8" });
if (written.status !== 0) throw new Error(written.stderr);
const updateAfterOtherProcess = await next((m) => m.type === "update" && m.data.name === "Added by a process");

// After leaving, the room is silent; the ping's pong proves that whatever was on its way has arrived.
say({ type: "leave", room: "users" });
say({ type: "ping", ref: "left" });
await next((m) => m.type === "pong" && m.ref === "left");
const before = heard.length;
say({ type: "join", room: "users", ref: "other" }, other);
say({ type: "message", room: "users", data: { text: "Nobody here?" } }, other);
await new Promise((resolve) => { other.onmessage = (event) => JSON.parse(event.data).type === "message" && resolve(); });
say({ type: "ping", ref: "silent" });
await next((m) => m.type === "pong" && m.ref === "silent");

console.log(JSON.stringify({
  self: welcome.user.id,
  message,
  presence,
  updateAfterOtherClient,
  updateAfterOtherProcess,
  errors: heard.filter((m) => m.type === "error"),
  afterLeave: heard.slice(before).filter((m) => m.type === "message" || m.type === "presence"),
}));
ws.close();
other.close();
