// What a list of refine means, in SQL written by hand: a second reading of all operators, independent of the gateway's.
//
// The statements run in Python's SQLite on the gateway's own file.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { CrudFilter, CrudSort, GetListParams } from "@refinedev/core";
import { ROOT } from "../support/gateway.js";

export type Kind =
  | "integer"
  | "number"
  | "text"
  | "enum"
  | "boolean"
  | "date-time"
  | "date"
  | "uuid"
  | "int64"
  | "list";
type Value = string | number;

interface Statement {
  sql: string;
  values: Value[];
}

const COMPARISONS: Record<string, string> = {
  eq: "=",
  eqs: "=",
  ne: "<>",
  nes: "<>",
  lt: "<",
  lte: "<=",
  gt: ">",
  gte: ">=",
};

/** A value as the column has it. */
function stored(kind: Kind, value: unknown): Value {
  if (kind === "boolean") return value ? 1 : 0;
  if (kind === "date-time") return new Date(value as string).toISOString().replace("Z", "000Z");
  if (kind === "uuid") return String(value).toLowerCase();
  return value as Value;
}

/** Text operators: how the name begins says where the text is, a final `s` that case counts. */
function ofText(column: string, operator: string, text: string): Statement {
  const [, place, exact] = /^(contains|startswith|endswith)(s?)$/.exec(operator) as unknown as [string, string, string];
  const [inside, given] = exact ? [column, "?"] : [`lower(${column})`, "lower(?)"];
  if (place === "contains") return { sql: `instr(${inside}, ${given}) > 0`, values: [text] };
  const part =
    place === "startswith" ? `substr(${inside}, 1, length(?))` : `substr(${inside}, 1 + length(${column}) - length(?))`;
  return { sql: `(length(?) <= length(${column}) AND ${part} = ${given})`, values: [text, text, text] };
}

function negated(statement: Statement): Statement {
  return { sql: `NOT (${statement.sql})`, values: statement.values };
}

function condition(kinds: Record<string, Kind>, filter: CrudFilter): Statement | undefined {
  if (!("field" in filter)) {
    const parts = filter.value.map((part) => condition(kinds, part)).filter((part) => part !== undefined);
    if (parts.length === 0) return undefined;
    const sql = parts.map((part) => `(${part.sql})`).join(filter.operator === "or" ? " OR " : " AND ");
    return { sql, values: parts.flatMap(({ values }) => values) };
  }
  const { field, operator, value } = filter;
  const kind = kinds[field] as Kind;
  const column = `"${field}"`;
  const mark = kind === "int64" ? "CAST(? AS INTEGER)" : "?";
  if (value === undefined) return undefined;
  if (operator === "null" || operator === "nnull") {
    return { sql: `${column} IS ${(operator === "null") === value ? "" : "NOT "}NULL`, values: [] };
  }
  if (value === null) return { sql: `${column} IS ${operator.startsWith("n") ? "NOT " : ""}NULL`, values: [] };
  const values = (Array.isArray(value) ? value : [value]).map((each) => stored(kind, each));
  if (operator in COMPARISONS) return { sql: `${column} ${COMPARISONS[operator]} ${mark}`, values };
  switch (operator) {
    case "in":
    case "nin":
      if (values.length === 0) return { sql: operator === "in" ? "0" : "1", values };
      return { sql: `${column} ${operator === "in" ? "" : "NOT "}IN (${values.map(() => mark).join()})`, values };
    case "between":
    case "nbetween":
      return { sql: `${column} ${operator === "between" ? "" : "NOT "}BETWEEN ${mark} AND ${mark}`, values };
    case "ina":
    case "nina": {
      const all = values.map(() => `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ?)`);
      const sql = `${column} IS NULL OR NOT (${all.join(" AND ") || "1"})`;
      return operator === "ina" ? negated({ sql, values }) : { sql: `${column} IS NOT NULL AND (${sql})`, values };
    }
    default: {
      const negative = operator.startsWith("n");
      const found = ofText(column, negative ? operator.slice(1) : operator, String(value));
      return negative ? negated(found) : found;
    }
  }
}

function ordered(sorters: CrudSort[]): string {
  const terms = sorters.filter(({ order }) => order).map(({ field, order }) => `"${field}" ${order}`);
  return `ORDER BY ${[...terms, '"id" asc'].join()}`;
}

export function statement(table: string, kinds: Record<string, Kind>, params: GetListParams) {
  const { filters = [], sorters = [], pagination = {} } = params;
  const where = condition(kinds, { operator: "and", value: filters }) ?? { sql: "1", values: [] };
  const { currentPage = 1, pageSize = 10, mode = "server" } = pagination;
  const page = mode === "server" ? ` LIMIT ${pageSize} OFFSET ${(currentPage - 1) * pageSize}` : "";
  return {
    rows: `SELECT * FROM "${table}" WHERE ${where.sql} ${ordered(sorters)}${page}`,
    total: `SELECT count(*) FROM "${table}" WHERE ${where.sql}`,
    values: where.values,
  };
}

const PROGRAM = `
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
answers = []
for each in json.load(sys.stdin):
    rows = [dict(row) for row in database.execute(each["rows"], each["values"])]
    for row in rows:
        row["large"] = None if row["large"] is None else str(row["large"])
    answers.append({"rows": rows, "total": database.execute(each["total"], each["values"]).fetchone()[0]})
json.dump(answers, sys.stdout)
`;

/** The rows as the database has them, and how many there are without pages. */
export function answers(file: string, statements: object[]): { rows: Record<string, unknown>[]; total: number }[] {
  const python = join(ROOT, ".venv", "bin", "python");
  const input = JSON.stringify(statements);
  return JSON.parse(execFileSync(python, ["-c", PROGRAM, file], { input, encoding: "utf8", maxBuffer: 1 << 28 }));
}
