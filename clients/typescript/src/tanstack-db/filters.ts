// From the conditions of a TanStack query to the gateway's filters.
//
// Invariant: the gateway's answer to the filters has every row for which the condition is true. What the gateway cannot
// say is left out, so that the answer may have more rows: TanStack applies the condition itself, too.

import type { Filters } from "../../../../generated/typescript/protocol.js";

/** Filters, or undefined where no row can meet the condition. */
export type Narrowed = Filters | undefined;

/** As much of TanStack's expressions as this module reads: a function, a property's path, or a value. */
export interface Expression {
  type: string;
  name?: string;
  args?: readonly Expression[];
  path?: readonly string[];
  value?: unknown;
}

/** Leaves out no row. */
export const ALL: Filters = {};
/** Each comparison, and the one that is true where it is false. */
const OPPOSITES: Record<string, string> = { eq: "ne", gt: "lte", gte: "lt", lt: "gte", lte: "gt", in: "nin" };
/** From here on, the order of JavaScript's texts, by units of 16 bits, is not that of the gateway, by code point. */
const UNORDERED = /[\ud800-\uffff]/;
/** A pattern's wildcards, and where case is ignored also the letters that lower case makes of others than A to Z. */
const CUTS = { s: /[%_]/, "": /[%_ikIK]|[^ -~]/ };

/** The filters of a condition; `negated`: of its contrary, which like the condition is not true of null. */
export function narrow(condition: Expression | undefined, negated = false): Narrowed {
  const { name = "", args = [] } = condition ?? {};
  const [subject, operand] = args;
  if (name === "not") return narrow(subject, !negated);
  if (name === "and" || name === "or") {
    const parts = args.map((part) => narrow(part, negated));
    return combine((name === "and") === negated ? "or" : "and", parts);
  }
  const isLower = subject?.name === "lower";
  const field = fieldOf(isLower ? subject.args?.[0] : subject);
  if (!field) return ALL;
  if (!operand) return negated ? ALL : { [field]: null };
  if (operand.type !== "val") return ALL;
  const { value } = operand;
  if (value === null || value === undefined) return undefined;
  const opposite = OPPOSITES[name];
  if (opposite && !isLower) return compare(field, negated ? opposite : name, value);
  if (negated || typeof value !== "string" || !/eq|like/.test(name)) return ALL;
  return alike(field, value, name === "like" && !isLower ? "s" : "");
}

/** Rows that meet all filters ("and"), or at least one ("or"). */
export function combine(word: "and" | "or", parts: Narrowed[]): Narrowed {
  const [neutral, decisive] = word === "and" ? [ALL, undefined] : [undefined, ALL];
  const given = parts.filter((part) => part !== neutral);
  if (given.includes(decisive)) return decisive;
  return given.length > 1 ? { [word]: given } : [...given, neutral][0];
}

/** The property that an expression names; undefined for a part of one, and for a calculated value. */
export function fieldOf(expression: Expression | undefined): string | undefined {
  return expression?.path?.length === 1 ? expression.path[0] : undefined;
}

/** The filters of a comparison with a value, or with the values of a list. */
export function compare(field: string, operator: string, value: unknown): Narrowed {
  const isList = Array.isArray(value);
  const values: unknown[] = isList ? value.filter((each) => each !== null && each !== undefined) : [value];
  if (values.length === 0) return operator === "in" ? undefined : ALL;
  const isUnordered = /^[gl]/.test(operator) && UNORDERED.test(String(value));
  if (isUnordered || values.some((each) => typeof each === "object")) return ALL;
  return { [field]: { [operator]: isList ? values.map(sent) : sent(value) } };
}

/** By pieces of the pattern that the gateway can look for; `kept` is "s" where case matters. */
function alike(field: string, pattern: string, kept: "s" | ""): Filters {
  const [start, ...others] = pattern.split(CUTS[kept]);
  const end = others.pop();
  const middle = others.find(Boolean);
  return { [field]: { [`startswith${kept}`]: start, [`contains${kept}`]: middle, [`endswith${kept}`]: end } };
}

/** A value as JSON has it. */
export function sent(value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
