// Whether a row matches a filter, as the gateway decides it (docs/reference/filters.md), for rows that it has not seen yet.
//
// Invariant: undefined means unknown, and is never a guess: a property that the program does not have, an operator that this
// client does not know, or text of a type that the program did not name, which may be spelled in several ways.

import type { PropertyType, ResourceShape } from "../options.js";
import { compareValues } from "../rows/order.js";

type Types = ResourceShape["types"];
type Answer = boolean | undefined;
type Test = (value: unknown, wanted: never, compare: (a: unknown, b: unknown) => number) => boolean;
type Filter = Record<string, unknown>;

const TEXT_TESTS = { contains: "includes", startswith: "startsWith", endswith: "endsWith" } as const;
const fold = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** The operators; those with an `n` in front say the contrary, except of a value that is null. */
const TESTS: Record<string, Test> = {
  eq: (value, wanted) => value === wanted,
  eqs: (value, wanted) => value === wanted,
  ne: (value, wanted) => value !== wanted,
  nes: (value, wanted) => value !== wanted,
  in: (value, wanted: unknown[]) => wanted.includes(value),
  ina: (value, wanted: unknown[]) => Array.isArray(value) && wanted.every((item) => value.includes(item)),
  lt: (value, wanted, compare) => compare(value, wanted) < 0,
  lte: (value, wanted, compare) => compare(value, wanted) <= 0,
  gt: (value, wanted, compare) => compare(value, wanted) > 0,
  gte: (value, wanted, compare) => compare(value, wanted) >= 0,
  between: (value, [low, high]: unknown[], compare) => compare(value, low) >= 0 && compare(value, high) <= 0,
};
for (const [name, method] of Object.entries(TEXT_TESTS)) {
  TESTS[name] = (value, wanted) => typeof value === "string" && fold(value)[method](fold(wanted));
  TESTS[`${name}s`] = (value, wanted) => typeof value === "string" && value[method](wanted);
}

/** Whether `row` matches; undefined if that cannot be known. `whole`: what the row does not have is null. */
export function matches(row: object, filters: object | undefined, types: Types | undefined, whole: boolean): Answer {
  const answers = Object.entries(filters ?? {}).map(([name, asked]) => {
    const inner = () => (asked as Filter[]).map((each) => matches(row, each, types, whole));
    if (name === "and") return all(inner());
    if (name === "or") return not(all(inner().map(not)));
    if (!whole && !(name in row)) return undefined;
    const operators = typeof asked === "object" ? (asked ?? { null: true }) : { eq: asked };
    const value = row[name as never] as unknown;
    return all(Object.entries(operators).map(([operator, wanted]) => holds(value, operator, wanted, types?.[name])));
  });
  return all(answers);
}

function holds(value: unknown, operator: string, wanted: unknown, type: PropertyType | undefined): Answer {
  const isNull = value === undefined || value === null;
  if (operator === "null" || operator === "nnull") return isNull === (wanted === (operator === "null"));
  if (isNull) return false;
  const positive = TESTS[operator];
  const test = positive ?? TESTS[operator.slice(1)];
  // The gateway may know several spellings of a text.
  if (!test || (!type && typeof value === "string")) return undefined;
  const compare = (a: unknown, b: unknown) => compareValues(a, b, type === "int64");
  const spelled = Array.isArray(wanted) ? wanted.map((each) => canonical(each, type)) : canonical(wanted, type);
  const found = test(canonical(value, type), spelled as never, compare);
  return found === Boolean(positive);
}

function all(answers: readonly Answer[]): Answer {
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

const not = (answer: Answer): Answer => (answer === undefined ? answer : !answer);

/** The spelling that the gateway gives a value of this type. */
export function canonical(value: unknown, type: PropertyType | undefined): unknown {
  if (typeof value !== "string") return value;
  if (type === "uuid") return value.toLowerCase();
  const parts = type === "date-time" && /^(.{19})(?:\.(\d+))?(.+)$/.exec(value.toUpperCase());
  if (!parts) return value;
  const [, seconds, decimals = "", zone] = parts;
  const time = Date.parse(`${seconds}${zone}`);
  const digits = `${decimals}000000`.slice(0, 6);
  return Number.isNaN(time) ? value : `${new Date(time).toISOString().slice(0, 20)}${digits}Z`;
}
