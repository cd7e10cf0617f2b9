// The order of a live query is that of the gateway's `list`, for every type of property, also where rows come and go.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { type Client, connect, type LiveQuery, resource, type SocketConstructor } from "../src/index.js";
import { compareValues } from "../src/rows/order.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";

type Row = Record<string, unknown>;

/** Each property with its schema and its values; a row has one value of each, or none. */
const PROPERTIES: Record<string, { schema: object; values: unknown[] }> = {
  text: { schema: { type: "string" }, values: ["Z", "a", "é", "", "aa", "\ue000", "\u{1f600}", "\uffff", "a b", "ß"] },
  word: { schema: { enum: ["b", "A", "a"] }, values: ["b", "A", "a"] },
  moment: {
    schema: { type: "string", format: "date-time" },
    values: [
      "2026-01-31T12:00:00Z",
      "2026-01-31T12:00:00.5+02:00",
      "1999-01-01T00:00:00Z",
      "2026-01-31T12:00:00.000001Z",
    ],
  },
  day: { schema: { type: "string", format: "date" }, values: ["2026-01-31", "1999-12-01"] },
  hour: { schema: { type: "string", format: "time" }, values: ["12:00:00Z", "08:00:00+02:00"] },
  span: { schema: { type: "string", format: "duration" }, values: ["P1D", "PT5M"] },
  uuid: {
    schema: { type: "string", format: "uuid" },
    values: ["6F1C2D3E-0000-4000-8000-00000000000F", "0f1c2d3e-0000-4000-8000-000000000000"],
  },
  big: {
    schema: { type: "string", format: "int64" },
    values: ["9", "10", "-10", "-9", "110000000000000001", "110000000000000002", "9223372036854775807"],
  },
  whole: { schema: { type: "integer" }, values: [9, 10, -10, 0, 2 ** 53 - 1] },
  number: { schema: { type: "number" }, values: [0.5, -0.5, 10, 9, 1e300, 5e-324] },
  flag: { schema: { type: "boolean" }, values: [true, false] },
};
const FORMATS = new Set(["date-time", "date", "time", "duration", "uuid", "int64"]);
const names = Object.keys(PROPERTIES);
const types = Object.fromEntries(
  Object.entries(PROPERTIES).map(([name, { schema }]) => {
    const { type = "string", format } = schema as { type?: string; format?: string };
    return [name, format && FORMATS.has(format) ? format : type];
  }),
);
const SCHEMA = {
  title: "Thing",
  type: "object",
  "x-resource": { key: ["code", "number_of"] },
  "x-access": Object.fromEntries(["read", "create", "update", "delete"].map((act) => [act, "anyone"])),
  properties: {
    code: { type: "string" },
    number_of: { type: "string", format: "int64" },
    ...Object.fromEntries(Object.entries(PROPERTIES).map(([name, { schema }]) => [name, schema])),
  },
  required: ["code", "number_of"],
  additionalProperties: false,
};
const RESOURCES = {
  things: { key: ["code", "number_of"], types: { code: "string", number_of: "int64", ...types } as never },
};

const gateway = new Gateway(["--schema", "schema"]);
const rows: Row[] = Array.from({ length: 30 }, (_, at) => {
  const values = names.map((name, of) => {
    const known = (PROPERTIES[name] as { values: unknown[] }).values;
    return [name, known[(at * (of + 1)) % (known.length + 1)]] as const;
  });
  const given = Object.fromEntries(values.filter(([, value]) => value !== undefined));
  return { code: at % 3 ? "k" : "K", number_of: String((at * 7) % 31), ...given };
});
let client: Client;
const things = () => resource(client, "things");
const keyOf = ({ code, number_of }: Row) => ({ code, number_of });

beforeAll(async () => {
  mkdirSync(join(gateway.folder, "schema", "resources"), { recursive: true });
  writeFileSync(join(gateway.folder, "schema", "resources", "things.schema.json"), JSON.stringify(SCHEMA));
  gateway.run("migrate", "--schema", "schema");
  await gateway.start();
  client = connect(gateway.url, { WebSocket: WebSocket as unknown as SocketConstructor, resources: RESOURCES });
  await things().createMany(rows.slice(0, 20));
});

afterAll(async () => {
  client.close();
  await gateway.remove();
});

describe("the order of a live query", () => {
  it("is that of `list`, by every property and both ways, while rows come, change and go", async () => {
    const sorts = [
      [],
      ...names.flatMap((name) => [[name], [`-${name}`]]),
      ["flag", "-big"],
      ["-word", "text"],
      ["-code"],
    ];
    const lives = sorts.map((sort) => things().subscribe({ sort, limit: 12 }) as LiveQuery<Row>);
    await Promise.all(lives.map((live) => live.loaded()));
    const check = async (): Promise<void> => {
      for (const [at, live] of lives.entries()) {
        const listed = await things().list({ sort: sorts[at] ?? [], limit: 12 });
        await eventually(() => expect(live.rows, `sorted by ${sorts[at]}`).toEqual(listed));
        expect(live.hasMore).toBe(true);
      }
    };
    await check();
    await things().createMany(rows.slice(20));
    await things().deleteMany(rows.slice(0, 5).map(keyOf) as never);
    const { text: _, ...other } = rows[9] as Row;
    await things().update(keyOf(rows[10] as Row) as never, { ...other, ...keyOf(rows[10] as Row), text: null });
    await check();
  });

  it("of text is by code point", () => {
    const words = ["", "A", "Z", "a", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "\u{10ffff}a"];
    expect([...words].reverse().sort(compareValues)).toEqual(words);
  });
});
