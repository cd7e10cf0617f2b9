// A message as something to paste: JSON, a command for a shell, a TypeScript or a Python program.
// A token is never part of it: programs read it from the environment variable TIDEGATE_TOKEN.

import { json, member, pretty, read, without } from "./json_text.js";

/** Requests that say or change something about a connection: HTTP has none of them. */
const NEEDS_CONNECTION = ["authenticate", "cancel", "join", "leave", "presence", "subscribe", "unsubscribe"];
/** Requests of the protocol with an idempotency key. */
const WRITES = ["create", "update", "delete", "message"];
/** Requests that name something of the page's own connection, which no other program has. */
const OF_THIS_CONNECTION = ["cancel", "unsubscribe", "leave"];

/**
 * The forms of one message: [[name, text]], at least one. `sent`: the page sent it. `signedIn`: it needs a token.
 * `streamed`: names of messages whose answer comes in parts. `origin` is that of the gateway, such as http://127.0.0.1:8787.
 */
export function snippets(text, { sent, signedIn, origin, streamed = [] }) {
  let message;
  try {
    message = read(text);
  } catch {
    return [["JSON", text]];
  }
  const forms = [["JSON", pretty(message)]];
  const type = member(message, "type")?.string;
  if (!sent || type === undefined) return forms;
  const body = without(message, "type", "ref");
  // A key is that of a user: over HTTP, each request without a token is another user's.
  const asked = signedIn || !WRITES.includes(type) ? body : without(body, "key");
  if (!NEEDS_CONNECTION.includes(type)) forms.push(["curl", curl(type, asked, { origin, signedIn })]);
  if (OF_THIS_CONNECTION.includes(type)) return forms;
  const url = `${origin.replace(/^http/, "ws")}/ws`;
  const given = {
    type,
    body,
    request: without(message, "ref"),
    url,
    signedIn: signedIn || type === "authenticate",
    stream: streamed.includes(type),
  };
  return [...forms, ["TypeScript", typescript(given)], ["Python", python(given)]];
}

function curl(type, body, { origin, signedIn }) {
  const token = signedIn ? [`-H "Authorization: Bearer $TIDEGATE_TOKEN"`] : [];
  return [
    `curl -sS ${quoted(`${origin}/api/${encodeURIComponent(type)}`)}`,
    ...token,
    "-H 'Content-Type: application/json'",
    `--data-raw ${quoted(json(body))}`,
  ].join(" \\\n  ");
}

/** For a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function typescript({ type, body, request, url, signedIn, stream }) {
  const options = signedIn ? ", { token: process.env.TIDEGATE_TOKEN }" : "";
  const rest = (...names) =>
    without(body, ...names).members.length ? pretty(without(body, ...names), "typescript") : "";
  const [imports, lines] = {
    authenticate: () => [
      "connect",
      ['await client.request({ type: "ping" });', "console.log(client.user);", "client.close();"],
    ],
    join: () => ["connect", [`const room = await client.join(${text(body, "room")}${also(rest("room"))});`, HEARD_TS]],
    message: () => [
      "connect",
      [
        `const room = await client.join(${text(body, "room")});`,
        `console.log(await room.send(${pretty(member(body, "data") ?? { text: "null" }, "typescript")}));`,
      ],
    ],
    subscribe: () => [
      "connect, resource",
      [
        `const live = resource(client, ${text(body, "resource")}).subscribe(${rest("resource", "since")});`,
        'live.on("change", () => console.log(live.rows));',
      ],
    ],
  }[type]?.() ?? [
    "connect",
    stream
      ? [
          `const stream = client.stream(${pretty(request, "typescript")});`,
          "for await (const part of stream) console.log(part);",
          "console.log(await stream.reply);",
          "client.close();",
        ]
      : [`console.log(await client.request(${pretty(request, "typescript")}));`, "client.close();"],
  ];
  const head = [
    `import { ${imports} } from "tidegate";`,
    "",
    `const client = connect(${JSON.stringify(url)}${options});`,
  ];
  return [...head, ...lines].join("\n");
}

const HEARD_TS = 'room.on("message", (message) => console.log(message));';

function python({ type, body, request, url, signedIn, stream }) {
  const options = signedIn ? ', token=os.environ["TIDEGATE_TOKEN"]' : "";
  const margin = " ".repeat(8);
  const named = (...names) =>
    without(body, ...names)
      .members.map(([name, value]) => `, ${name}=${pretty(value, "python", margin)}`)
      .join("");
  const lines = {
    authenticate: () => ["print(client.user)"],
    join: () => [
      `async with await client.join(${text(body, "room")}${named("room", "since")}) as room:`,
      "    async for message in room:",
      "        print(message)",
    ],
    message: () => [
      `async with await client.join(${text(body, "room")}) as room:`,
      `    print(await room.send(${pretty(member(body, "data") ?? { text: "null" }, "python", `${margin}    `)}))`,
    ],
    subscribe: () => [
      `async with await client.subscribe(${text(body, "resource")}${named("resource", "since")}) as live:`,
      "    async for change in live:",
      "        print(change.action, change.key, change.row)",
    ],
  }[type]?.() ??
    (stream
      ? [
          `stream = client.stream(${pretty(request, "python", margin)})`,
          "async for part in stream:",
          "    print(part)",
          "print(await stream.reply())",
        ]
      : [`print(await client.request(${pretty(request, "python", margin)}))`]);
  return [
    "import asyncio",
    ...(signedIn ? ["import os"] : []),
    "",
    "from tidegate_client import connect",
    "",
    "",
    "async def main() -> None:",
    `    async with connect(${JSON.stringify(url)}${options}) as client:`,
    ...lines.map((line) => margin + line),
    "",
    "",
    "asyncio.run(main())",
  ].join("\n");
}

function text(body, name) {
  return JSON.stringify(member(body, name)?.string ?? "");
}

function also(options) {
  return options && `, ${options}`;
}
