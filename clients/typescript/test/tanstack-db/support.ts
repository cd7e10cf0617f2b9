// A gateway for the tests of collections: books with every type that a condition may be about, loans with a key of two
// properties, and visits with a key that the database counts.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import WebSocket from "ws";
import { connect, type Int64, type SocketConstructor } from "../../src/index.js";
import { int64 } from "../../src/protocol/index.js";
import { Gateway } from "../support/gateway.js";

const text = { type: "string" };
const orNull = (schema: object & { type: string }) => ({ ...schema, type: [schema.type, "null"] });

const BOOK = {
  id: text,
  title: text,
  isbn: { type: "string", format: "int64" },
  pages: { type: "integer" },
  price: orNull({ type: "number" }),
  lent: { type: "boolean" },
  printed_at: orNull({ type: "string", format: "date-time" } as never),
  notes: text,
};
const VISIT = { id: { type: "integer", readOnly: true }, reader: { type: "integer" } };
const LOAN = { book: text, reader: { type: "integer" }, days: { type: "integer", minimum: 1 } };

function schema(title: string, properties: object, key: string | string[], required: string[]): string {
  const everyone = { read: "anyone", create: "anyone", update: "anyone", delete: "anyone" };
  return JSON.stringify({
    title,
    type: "object",
    additionalProperties: false,
    properties,
    required,
    "x-resource": { table: `${title.toLowerCase()}s`, key },
    "x-access": everyone,
  });
}

/** What `tidegate generate` would write as `RESOURCES`. */
export const RESOURCES = {
  books: {
    key: ["id"],
    types: {
      id: "string",
      title: "string",
      isbn: "int64",
      pages: "integer",
      price: "number",
      lent: "boolean",
      printed_at: "date-time",
      notes: "string",
    },
  },
  loans: { key: ["book", "reader"], types: { book: "string", reader: "integer", days: "integer" } },
  visits: { key: ["id"], types: { id: "integer", reader: "integer" }, assigned: true },
} as const;

export interface Book {
  id: string;
  title: string;
  isbn: Int64;
  pages: number;
  price: number | null;
  lent: boolean;
  printed_at: string | null;
  notes?: string;
}

/** Titles that are traps: other case, letters that lower case makes of others, beyond U+FFFF, wildcards, nothing. */
const TITLES = [
  "Alice",
  "alice in K",
  "ALICE IN \u212a",
  "Łódź",
  "łódź 100%",
  "a_b",
  "A%b",
  "",
  "\u{1f600} smile",
  "\uff21 wide",
  "line\nbreak",
  "Zoë",
];

export const BOOKS: Book[] = Array.from({ length: 96 }, (_, n) => ({
  id: `b${String(n).padStart(2, "0")}`,
  title: TITLES[n % TITLES.length] as string,
  isbn: int64(n % 3 === 0 ? 9007199254740993n + BigInt(n) : n),
  pages: (n * 7) % 30,
  price: n % 5 === 0 ? null : n / 4,
  lent: n % 4 === 0,
  printed_at: n % 6 === 0 ? null : `2026-01-${String(1 + (n % 28)).padStart(2, "0")}T00:00:00.000000Z`,
  ...(n % 2 === 0 ? { notes: `note ${n % 7}` } : {}),
}));

export function library(): Gateway {
  const gateway = new Gateway(["--schema", "schema"]);
  const folder = join(gateway.folder, "schema", "resources");
  mkdirSync(folder, { recursive: true });
  const required = ["id", "title", "isbn", "pages", "lent"];
  writeFileSync(join(folder, "books.schema.json"), schema("Book", BOOK, "id", required));
  writeFileSync(join(folder, "loans.schema.json"), schema("Loan", LOAN, ["book", "reader"], Object.keys(LOAN)));
  writeFileSync(join(folder, "visits.schema.json"), schema("Visit", VISIT, "id", Object.keys(VISIT)));
  gateway.run("migrate", "--schema", "schema");
  return gateway;
}

interface Library {
  resources: {
    books: { row: Book; create: Book; update: Partial<Book>; filters: object; key: string };
    visits: { row: Visit; create: Omit<Visit, "id">; update: Partial<Visit>; filters: object; key: number };
    loans: { row: Loan; create: Loan; update: Partial<Loan>; filters: object; key: Omit<Loan, "days"> };
  };
  rooms: object;
}

interface Visit {
  id: number;
  reader: number;
}

export interface Loan {
  book: string;
  reader: number;
  days: number;
}

export function reader(gateway: Gateway) {
  const options = { WebSocket: WebSocket as unknown as SocketConstructor, resources: RESOURCES };
  return connect<Library>(gateway.url, options);
}
