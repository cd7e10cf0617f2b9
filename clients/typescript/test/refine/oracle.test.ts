// Random lists: what the data provider answers over a real gateway is what SQL written by hand finds in its database.
//
// `REFINE_LISTS` says how many, `REFINE_SEED` which; a failure names its seed.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CrudFilter, CrudOperators, CrudSort, GetListParams, GetListResponse } from "@refinedev/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataProvider } from "../../src/refine/index.js";
import { counted } from "../support/counting.js";
import { Gateway } from "../support/gateway.js";
import { answers, type Kind, statement } from "./oracle.js";

const COUNT = Number(process.env.REFINE_LISTS ?? 300);
const SEED = Number(process.env.REFINE_SEED ?? Date.now() % 1_000_000_000);

const EQUALITY: CrudOperators[] = ["eq", "eqs", "ne", "nes", "in", "nin"];
const ORDER: CrudOperators[] = [...EQUALITY, "lt", "lte", "gt", "gte", "between", "nbetween"];
const TEXT = ["contains", "startswith", "endswith"].flatMap((name) => [name, `n${name}`, `${name}s`, `n${name}s`]);
const OPERATORS: Record<Kind, CrudOperators[]> = {
  integer: ORDER,
  number: ORDER,
  "date-time": ORDER,
  date: ORDER,
  uuid: ORDER,
  int64: ORDER,
  text: [...ORDER, ...(TEXT as CrudOperators[])],
  enum: EQUALITY,
  boolean: EQUALITY,
  list: ["ina", "nina"],
};

const nullable = (type: string, more: object = {}) => ({ type: [type, "null"], ...more });
const PROPERTIES: Record<string, [Kind, schema: object]> = {
  id: ["integer", { type: "integer", minimum: 1, maximum: 9007199254740991, readOnly: true }],
  count: ["integer", { type: "integer", minimum: -1000, maximum: 1000 }],
  size: ["number", nullable("number")],
  title: ["text", { type: "string" }],
  notes: ["text", nullable("string")],
  state: ["enum", { type: "string", enum: ["open", "closed", "Open"] }],
  done: ["boolean", nullable("boolean")],
  at: ["date-time", nullable("string", { format: "date-time" })],
  day: ["date", { type: "string", format: "date" }],
  code: ["uuid", nullable("string", { format: "uuid" })],
  large: ["int64", nullable("string", { format: "int64" })],
  tags: ["list", { type: "array", items: { type: "string" } }],
};
const KINDS = Object.fromEntries(Object.entries(PROPERTIES).map(([name, [kind]]) => [name, kind])) as Record<
  string,
  Kind
>;
const OPTIONAL = Object.keys(PROPERTIES).filter((name) =>
  Array.isArray((PROPERTIES[name] as [Kind, { type?: unknown }])[1].type),
);
const SCHEMA = {
  $schema: "../meta/resource.schema.json",
  title: "Thing",
  description: "A row with a property of each kind.",
  "x-resource": { table: "things", key: "id" },
  "x-access": { read: "anyone", create: "anyone", update: "anyone", delete: "anyone" },
  type: "object",
  properties: Object.fromEntries(
    Object.entries(PROPERTIES).map(([name, [, schema]]) => [name, { description: `The ${name}.`, ...schema }]),
  ),
  required: Object.keys(PROPERTIES).filter((name) => !OPTIONAL.includes(name)),
  additionalProperties: false,
};

/** Numbers from 0 to 1 that the seed decides. */
let state = SEED >>> 0;
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const below = (limit: number) => Math.floor(random() * limit);
const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
const some = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make);

const WORDS = ["a", "A", "b", "é", "É", "ß", "%", "_", "\\", "'", '"', "*", "", " ", "😀", "\uffee", "z", "Za"];
const WORDS_OF_TAGS = ["red", "Red", "blue", "green", "%"];
const word = () => some(3, () => pick(WORDS)).join("");

const VALUES: Record<Kind, () => unknown> = {
  integer: () => below(21) - 10,
  number: () => (below(41) - 20) / 4,
  text: word,
  enum: () => pick(["open", "closed", "Open"]),
  boolean: () => random() < 0.5,
  "date-time": () =>
    pick(["2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00", "2026-06-15T12:30:00.5Z", "1999-12-31T23:59:59.999Z"]),
  date: () => pick(["2026-01-01", "2026-01-02", "1999-12-31"]),
  uuid: () => `${pick(["0f", "A0", "ff", "9C"])}000000-0000-4000-8000-00000000000a`,
  int64: () => pick(["9", "10", "-9", "0", "9007199254740993", "-9223372036854775808", "9223372036854775807"]),
  list: () => pick(WORDS_OF_TAGS),
};

function row(): Record<string, unknown> {
  const made = Object.keys(PROPERTIES)
    .filter((name) => name !== "id")
    .map((name) => {
      const kind = KINDS[name] as Kind;
      if (kind === "list") return [name, [...new Set(some(4, VALUES.list))]];
      return [name, OPTIONAL.includes(name) && random() < 0.25 ? null : VALUES[kind]()];
    });
  return Object.fromEntries(made);
}

function logical(): CrudFilter {
  const field = pick(Object.keys(PROPERTIES));
  const kind = KINDS[field] as Kind;
  if (OPTIONAL.includes(field) && random() < 0.15)
    return { field, operator: pick(["null", "nnull"]), value: random() < 0.7 };
  if (OPTIONAL.includes(field) && random() < 0.05) return { field, operator: pick(["eq", "ne"]), value: null };
  if (random() < 0.03) return { field, operator: pick(["eq", "in"]), value: undefined };
  const operator = pick(OPERATORS[kind]) as Exclude<CrudOperators, "or" | "and">;
  const value = VALUES[field === "id" ? "integer" : kind];
  if (operator.endsWith("between")) return { field, operator, value: [value(), value()] };
  if (["in", "nin", "ina", "nina"].includes(operator)) return { field, operator, value: some(3, value) };
  return { field, operator, value: value() };
}

function filter(depth: number): CrudFilter {
  if (depth === 0 || random() < 0.6) return logical();
  return { operator: pick(["or", "and"]), value: some(3, () => filter(depth - 1)) };
}

function list(): GetListParams {
  const fields = Object.keys(PROPERTIES).filter((name) => KINDS[name] !== "list");
  const sorters = some(3, () => ({ field: pick(fields), order: pick(["asc", "desc", null]) })) as CrudSort[];
  const unique = sorters.filter(({ field }, at) => sorters.findIndex((each) => each.field === field) === at);
  const pagination = pick([
    undefined,
    { mode: "off" as const },
    { mode: "client" as const, pageSize: 3 },
    { currentPage: 1 + below(4), pageSize: 1 + below(20) },
  ]);
  return { resource: "things", filters: some(3, () => filter(3)), sorters: unique, ...(pagination && { pagination }) };
}

const gateway = new Gateway(["--schema", "schema"]);
let client: ReturnType<typeof counted>;

beforeAll(async () => {
  mkdirSync(join(gateway.folder, "schema", "resources"), { recursive: true });
  writeFileSync(join(gateway.folder, "schema", "resources", "things.schema.json"), JSON.stringify(SCHEMA));
  gateway.run("migrate", "--schema", "schema");
  await gateway.start();
  client = counted(gateway.url, { requestTimeout: 120 });
});

afterAll(async () => {
  client.client.close();
  await gateway.remove();
});

it(`${COUNT} lists are what SQL finds (REFINE_SEED=${SEED})`, async () => {
  const provider = dataProvider(client.client);
  await provider.createMany({ resource: "things", variables: Array.from({ length: 120 }, row) });
  const lists = Array.from({ length: COUNT }, list);
  const found: GetListResponse[] = [];
  for (let at = 0; at < COUNT; at += 50) {
    found.push(...(await Promise.all(lists.slice(at, at + 50).map((params) => provider.getList(params)))));
  }
  const statements = lists.map((params) => statement("things", KINDS, params));
  const expected = answers(join(gateway.folder, "tidegate.db"), statements);
  const wrong = lists.flatMap((params, at) => {
    const { rows, total } = expected[at] as (typeof expected)[number];
    const read = rows.map(({ done, tags, ...values }) => {
      return { ...values, done: done === null ? null : done === 1, tags: JSON.parse(tags as string) };
    });
    const answered = found[at];
    const isEqual =
      JSON.stringify(sorted(read)) === JSON.stringify(sorted(answered?.data ?? [])) && answered?.total === total;
    return isEqual
      ? []
      : [
          JSON.stringify({
            params,
            ...statements[at],
            expected: [total, ids(rows)],
            answered: [answered?.total, ids(answered?.data ?? [])],
          }),
        ];
  });
  expect(wrong.slice(0, 3)).toEqual([]);
  const totals = found.map(({ total }) => total);
  expect(totals.filter((total) => total > 0).length).toBeGreaterThan(COUNT / 3);
});

const ids = (rows: readonly { id?: unknown }[]) => rows.map(({ id }) => id);

/** With the properties of each row in one order. */
function sorted(rows: readonly object[]): object[] {
  return rows.map((each) => Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))));
}
