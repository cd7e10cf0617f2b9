// From the conditions of a TanStack query to the gateway's filters.
//
// Invariant: the gateway's answer to the filters has every row for which the condition is true. A part of a condition
// that the gateway cannot say is left out, so that the answer may have more rows; TanStack applies the condition again.

import type { IR } from "@tanstack/db";
import type { Filters } from "../../../../generated/typescript/protocol.js";

/** Filters that leave out no row that is wanted; undefined where no row is. */
export type Narrowed = Filters | undefined;

/** Leaves out no row. */
export const ALL: Filters = {};
/** Each comparison, and the one that holds where it does not. */
const OPPOSITES: Record<string, string> = { eq: "ne", gt: "lte", gte: "lt", lt: "gte", lte: "gt", in: "nin" };
/** From here on, the order of JavaScript's texts, by units of 16 bits, is not that of the gateway, by code point. */
const UNORDERED = /[\ud800-\uffff]/;
/** Where a pattern is cut: at its wildcards, and at what lower case makes of other letters than A to Z. */
const CUTS = { exact: /[%_]/, folded: /[%_ikIK]|[^ -~]/ };

/** Rows that meet all filters. */
export function all(parts: Narrowed[]): Narrowed {
  return parts.includes(undefined)
    ? undefined
    : combine(
        "and",
        parts.filter((part) => part && !isAll(part)),
      );
}

/** Rows that meet at least one of the filters. */
export function any(parts: Narrowed[]): Narrowed {
  const given = parts.filter((part) => part !== undefined);
  if (given.length === 0) return undefined;
  return given.some(isAll) ? ALL : combine("or", given);
}

function combine(word: "and" | "or", parts: Narrowed[]): Narrowed {
  return parts.length > 1 ? { [word]: parts } : (parts[0] ?? ALL);
}

const isAll = (filters: Filters) => Object.keys(filters).length === 0;

/** The filters of a condition; `negated`: of its contrary, which like the condition is not true of null. */
export function narrow(condition: IR.BasicExpression | undefined, negated = false): Narrowed {
  if (condition?.type === "val") return condition.value === !negated ? ALL : undefined;
  if (condition?.type !== "func") return ALL;
  const { name, args } = condition;
  const [subject, operand] = args as [IR.BasicExpression, IR.BasicExpression | undefined];
  if (name === "not") return narrow(subject, !negated);
  if (name === "and" || name === "or") {
    const combine = (name === "and") === negated ? any : all;
    return combine(args.map((part) => narrow(part, negated)));
  }
  const field = fieldOf(subject);
  if (name === "isNull" || name === "isUndefined") return field && !negated ? { [field]: { null: true } } : ALL;
  if (operand?.type !== "val") return ALL;
  const { value } = operand;
  if (value === null || value === undefined) return undefined;
  if (field && OPPOSITES[name]) return compare(field, negated ? OPPOSITES[name] : name, value);
  return negated ? ALL : alike(name, subject, value);
}

/** The property that an expression names; undefined for a part of a property, and for a calculated value. */
export function fieldOf(expression: IR.BasicExpression): string | undefined {
  if (expression.type !== "ref") return undefined;
  const { path, sourceAlias } = expression;
  const [field, ...rest] = sourceAlias !== undefined && path[0] === sourceAlias ? path.slice(1) : path;
  return rest.length > 0 ? undefined : field;
}

function compare(field: string, operator: string, value: unknown): Narrowed {
  if (Array.isArray(value)) {
    const values = value.filter((each) => each !== null && each !== undefined);
    if (values.length === 0) return operator === "in" ? undefined : ALL;
    return values.every(isSent) ? { [field]: { [operator]: values.map(sent) } } : ALL;
  }
  if (value instanceof Date && value.getTime()) return moment(field, operator, value.getTime());
  if (!isSent(value) || (typeof value === "string" && UNORDERED.test(value) && !/^eq|ne$/.test(operator))) return ALL;
  return { [field]: { [operator]: sent(value) } };
}

/** A `Date` stands for a whole millisecond, which the gateway divides further. */
function moment(field: string, operator: string, time: number): Narrowed {
  const [from, to] = [time, time + 1].map((at) => new Date(at).toISOString());
  if (operator === "eq") return { [field]: { gte: from, lt: to } };
  if (operator === "ne") return { [field]: { nbetween: [from, to] } };
  if (operator === "gt") return { [field]: { gte: to } };
  return { [field]: operator === "lte" ? { lt: to } : { [operator]: from } };
}

/** `like`, `ilike`, and equality in lower case: by the pieces of the text that the gateway can look for. */
function alike(name: string, subject: IR.BasicExpression, pattern: unknown): Narrowed {
  const isLower = subject.type === "func" && subject.name === "lower";
  const field = fieldOf(isLower ? (subject.args[0] as IR.BasicExpression) : subject);
  const isPattern = name === "like" || name === "ilike" || (name === "eq" && isLower);
  if (!field || !isPattern || typeof pattern !== "string") return ALL;
  const isFolded = isLower || name === "ilike";
  const pieces = pattern.split(isFolded ? CUTS.folded : CUTS.exact);
  const last = pieces.length - 1;
  const conditions = pieces.map((piece, place) => {
    const operator = place === 0 ? "startswith" : place === last ? "endswith" : "contains";
    return piece ? { [field]: { [isFolded ? operator : `${operator}s`]: piece } } : ALL;
  });
  return all(conditions);
}

/** Whether JSON has the value, and filters take it. */
function isSent(value: unknown): boolean {
  return /string|boolean|bigint/.test(typeof value) || Number.isFinite(value);
}

/** A value as JSON has it. */
export function sent(value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
