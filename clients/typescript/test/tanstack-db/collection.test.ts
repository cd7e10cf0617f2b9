// Collections of TanStack DB over the real gateway: the rows of every condition, pages, and changes that go and come back.

import {
  and,
  BasicIndex,
  createCollection,
  createLiveQueryCollection,
  eq,
  gt,
  gte,
  ilike,
  inArray,
  isNull,
  isUndefined,
  like,
  lower,
  lt,
  lte,
  not,
  or,
} from "@tanstack/db";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { resource } from "../../src/index.js";
import { int64 } from "../../src/protocol/index.js";
import { type ItemOf, tidegateCollectionOptions } from "../../src/tanstack-db/index.js";
import { eventually } from "../support/eventually.js";
import { BOOKS, type Book, type Loan, library, reader } from "./support.js";

const gateway = library();
const clients: ReturnType<typeof reader>[] = [];

function client() {
  const made = reader(gateway);
  clients.push(made);
  return made;
}

/** A program beside the one under test. */
let other: ReturnType<typeof reader>;

beforeAll(async () => {
  await gateway.start();
  other = reader(gateway);
  await resource(other, "books").createMany(BOOKS);
});

afterEach(async () => {
  for (const made of clients.splice(0)) made.close();
});

afterAll(async () => {
  other.close();
  await gateway.remove();
});

function books(syncMode: "eager" | "on-demand" | "progressive", filters: object = {}) {
  const index = { autoIndex: "eager", defaultIndexType: BasicIndex } as const;
  return createCollection(
    tidegateCollectionOptions({ client: client(), resource: "books", syncMode, filters, startSync: true, ...index }),
  );
}

function loans(filters: object = {}) {
  return createCollection(tidegateCollectionOptions({ client: client(), resource: "loans", filters }));
}

type Books = ReturnType<typeof books>;
type Item = ItemOf<Book>;
type Row = { book: { [P in keyof Item]: never } };

/** The ids of the books for which a condition is true. */
async function idsWhere(collection: Books, condition: (row: Row) => never): Promise<string[]> {
  const query = createLiveQueryCollection((q) => q.from({ book: collection }).where(condition as never));
  await query.preload();
  const ids = [...query.values()].map((row) => (row as unknown as Item).id);
  await query.cleanup();
  return ids.sort();
}

const page = (collection: Books, field: keyof Item, order: "asc" | "desc", limit: number) =>
  createLiveQueryCollection((q) =>
    q
      .from({ book: collection })
      .orderBy(({ book }) => book[field as "pages"], order)
      .limit(limit),
  );

const shown = (query: ReturnType<typeof page>, field: keyof Item) =>
  [...query.values()].map((row) => (row as unknown as Item)[field]);

describe("an eager collection", () => {
  it("has all rows, with integers of 64 bits as bigint, and their changes", async () => {
    const collection = books("eager");
    await collection.preload();
    expect(collection.size).toBe(BOOKS.length);
    const [first] = BOOKS as [Book];
    const isbn: bigint | undefined = collection.get("b00")?.isbn;
    expect(isbn).toBe(BigInt(first.isbn));
    await resource(other, "books").update("b00", { pages: 1000 });
    await eventually(() => expect(collection.get("b00")?.pages).toBe(1000));
    await resource(other, "books").update("b00", { pages: first.pages });
  });

  it("has the rows of its filters alone", async () => {
    const collection = books("eager", { lent: true });
    await collection.preload();
    expect(collection.size).toBe(BOOKS.filter(({ lent }) => lent).length);
  });

  it("says why it has no rows", async () => {
    const collection = books("eager", { colour: "red" });
    await expect(collection.preload()).rejects.toThrow(/colour/);
    expect(collection.status).toBe("error");
  });
});

/** A random number generator, so that a failure can be repeated. */
function* randoms(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    yield state / 2 ** 32;
  }
}

function conditions(seed: number): (row: Row) => never {
  const next = randoms(seed);
  const random = () => next.next().value as number;
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const sample = () => pick(BOOKS);
  const pattern = () => {
    const { title } = sample();
    const cut = Math.floor(random() * title.length);
    return pick([`${title.slice(0, cut)}%`, `%${title.slice(cut)}`, `%${title.slice(cut, cut + 3)}%`, title, "_%e"]);
  };
  const compare = () => pick([eq, gt, gte, lt, lte] as const) as unknown as (a: never, b: never) => never;
  const leaf = (book: Row["book"]): never => {
    const kinds: (() => unknown)[] = [
      () => compare()(book.pages, pick([sample().pages, 7.5]) as never),
      () => compare()(book.price, (sample().price ?? 3) as never),
      () => compare()(book.isbn, BigInt(sample().isbn) as never),
      () => compare()(book.title, sample().title as never),
      () => compare()(book.printed_at, sample().printed_at as never),
      () => eq(book.lent, true as never),
      () => inArray(book.title, [sample().title, sample().title, null] as never),
      () => inArray(book.pages, pick([[], [sample().pages, 3]]) as never),
      () => isNull(pick([book.price, book.notes, book.pages])),
      () => isUndefined(pick([book.notes, book.price])),
      () => like(book.title, pattern() as never),
      () => ilike(book.title, pattern().toUpperCase() as never),
      () => like(lower(book.title) as never, pattern().toLowerCase() as never),
      () => eq(lower(book.title) as never, sample().title.toLowerCase() as never),
      () => eq(book.pages, book.price),
    ];
    return pick(kinds)() as never;
  };
  const tree = (book: Row["book"], depth: number): never => {
    if (depth === 0 || random() < 0.3) return leaf(book);
    const parts = () => [tree(book, depth - 1), tree(book, depth - 1)] as [never, never];
    return pick([() => and(...parts()), () => or(...parts()), () => not(tree(book, depth - 1))])() as never;
  };
  return ({ book }) => tree(book, 3);
}

describe("a collection on demand", () => {
  it("finds what an eager collection finds, for any condition", async () => {
    const [all, some] = [books("eager"), books("on-demand")];
    const wrong: number[] = [];
    for (let seed = 1; seed <= 150; seed += 1) {
      const expected = await idsWhere(all, conditions(seed));
      if ((await idsWhere(some, conditions(seed))).join() !== expected.join()) wrong.push(seed);
    }
    expect(wrong).toEqual([]);
    expect(some.size).toBe(0);
  });

  it("loads the rows of the condition alone, until nothing needs them", async () => {
    const collection = books("on-demand");
    const query = createLiveQueryCollection((q) => q.from({ book: collection }).where(({ book }) => eq(book.pages, 7)));
    await query.preload();
    expect(collection.size).toBe(BOOKS.filter(({ pages }) => pages === 7).length);
    await query.cleanup();
    expect(collection.size).toBe(0);
  });

  it("has each row once for several queries, and keeps what one of them needs", async () => {
    const collection = books("on-demand");
    const above = (least: number) =>
      createLiveQueryCollection((q) => q.from({ book: collection }).where(({ book }) => gte(book.pages, least)));
    const [many, few] = [above(10), above(20)];
    await Promise.all([many.preload(), few.preload()]);
    await many.cleanup();
    expect(collection.size).toBe(BOOKS.filter(({ pages }) => pages >= 20).length);
    expect(few.size).toBe(collection.size);
  });

  it("loads all rows where the gateway does not take the condition", async () => {
    const collection = books("on-demand");
    const query = createLiveQueryCollection((q) =>
      q.from({ book: collection }).where(({ book }) => gt(book.pages, 28.5)),
    );
    await query.preload();
    expect(query.size).toBe(BOOKS.filter(({ pages }) => pages > 28.5).length);
    expect(collection.size).toBe(BOOKS.length);
  });

  it("keeps within the subscriptions that a connection may have", async () => {
    const collection = books("on-demand");
    const queries = BOOKS.flatMap(({ id }) => [id, `${id}?`]).map((id) =>
      createLiveQueryCollection((q) => q.from({ book: collection }).where(({ book }) => eq(book.id, id))),
    );
    await Promise.all(queries.map((query) => query.preload()));
    expect(queries.filter(({ size }) => size === 1)).toHaveLength(BOOKS.length);
  });
});

describe("a page", () => {
  const inOrder = (field: "pages" | "title" | "isbn" | "price", order: "asc" | "desc") =>
    BOOKS.map((book) => (field === "isbn" ? BigInt(book.isbn) : book[field]))
      .sort((a, b) => {
        if (a === null || b === null) return Number(b === null) - Number(a === null); // no value comes first
        return (a < b ? -1 : Number(a > b)) * (order === "asc" ? 1 : -1);
      })
      .slice(0, 10);

  it.each([
    ["pages", "asc", 30],
    ["pages", "desc", 30],
    ["isbn", "asc", 10],
    ["isbn", "desc", 10],
    ["title", "asc", 16],
    ["title", "desc", 96], // up to a title that JavaScript orders in its own way
    ["price", "asc", 96], // TanStack asks for all rows where one without a value is the last
    ["price", "desc", 96],
  ] as const)("by %s, %sending, has its first rows, without all others if it can", async (field, order, most) => {
    const collection = books("on-demand");
    const query = page(collection, field, order, 10);
    await query.preload();
    expect(shown(query, field)).toEqual(inOrder(field, order));
    expect(collection.size).toBeGreaterThanOrEqual(10);
    expect(collection.size).toBeLessThanOrEqual(most);
  });

  it("goes on with the next rows", async () => {
    const collection = books("on-demand");
    const query = page(collection, "isbn", "asc", 10);
    await query.preload();
    await query.utils.setWindow({ offset: 10, limit: 10 });
    const all = BOOKS.map(({ isbn }) => BigInt(isbn)).sort((a, b) => (a < b ? -1 : 1));
    expect(shown(query, "isbn")).toEqual(all.slice(10, 20));
    expect(collection.size).toBeLessThan(30);
  });

  it("gets a row that comes into it, and the next row where one leaves it", async () => {
    const query = page(books("on-demand"), "isbn", "asc", 3);
    await query.preload();
    const before = shown(query, "isbn");
    const table = resource(other, "books");
    await table.create({ ...(BOOKS[0] as Book), id: "new", isbn: int64(-5) });
    await eventually(() => expect(shown(query, "isbn")).toEqual([-5n, ...before.slice(0, 2)]));
    await table.delete("new");
    await eventually(() => expect(shown(query, "isbn")).toEqual(before));
    const first = BOOKS.find(({ isbn }) => BigInt(isbn) === before[0]) as Book;
    await table.delete(first.id);
    await eventually(() => expect(shown(query, "isbn").slice(0, 2)).toEqual(before.slice(1)));
    await eventually(() => expect(query.size).toBe(3));
    await table.create(first);
  });
});

describe("a progressive collection", () => {
  it("answers a query at once, and has all rows in the end", async () => {
    const collection = books("progressive");
    expect(await idsWhere(collection, ({ book }) => eq(book.lent, true as never) as never)).toHaveLength(24);
    await eventually(() => expect(collection.status).toBe("ready"));
    expect(collection.size).toBe(BOOKS.length);
  });
});

describe("a change", () => {
  /** What a collection shows of one row, each time it shows something else. */
  function watch(collection: ReturnType<typeof loans>, key: string) {
    const seen: (number | undefined)[] = [];
    collection.subscribeChanges((changes) => {
      for (const { key: of } of changes) if (of === key) seen.push(collection.get(key)?.days);
    });
    return seen;
  }

  const key = ({ book, reader: who }: Loan) => JSON.stringify([book, who]);

  it("is shown at once, and has come back when it is done", async () => {
    const collection = loans();
    await collection.preload();
    const loan = { book: "b01", reader: 1, days: 7 };
    const seen = watch(collection, key(loan));
    const inserted = collection.insert(loan);
    expect(collection.get(key(loan))).toMatchObject(loan);
    await inserted.isPersisted.promise;
    expect(await resource(other, "loans").get({ book: "b01", reader: 1 })).toEqual(loan);
    await collection.update(key(loan), (draft) => {
      draft.days = 14;
    }).isPersisted.promise;
    expect(collection.get(key(loan))?.days).toBe(14);
    await collection.delete(key(loan)).isPersisted.promise;
    expect(collection.has(key(loan))).toBe(false);
    expect([...new Set(seen)]).toEqual([7, 14, undefined]);
  });

  it("that the gateway refuses is taken back, with the reason", async () => {
    const collection = loans();
    await collection.preload();
    const loan = { book: "b02", reader: 1, days: 0 };
    const inserted = collection.insert(loan);
    expect(collection.size).toBe(1);
    await expect(inserted.isPersisted.promise).rejects.toMatchObject({ code: "invalid_data" });
    expect(collection.size).toBe(0);
  });

  it("that no live query of the collection is about is done as well", async () => {
    const collection = loans({ reader: 2 });
    await collection.preload();
    const loan = { book: "b03", reader: 1, days: 7 };
    await collection.insert(loan).isPersisted.promise;
    expect(collection.size).toBe(0);
    await resource(other, "loans").delete({ book: "b03", reader: 1 });
  });

  it("of several rows is one message, and all of them come back", async () => {
    const collection = loans();
    await collection.preload();
    const many = Array.from({ length: 20 }, (_, who) => ({ book: "b04", reader: who, days: 7 }));
    await collection.insert(many).isPersisted.promise;
    expect(collection.size).toBe(20);
    const broken = [
      { book: "b05", reader: 1, days: 7 },
      { book: "b05", reader: 2, days: 0 },
    ];
    await expect(collection.insert(broken).isPersisted.promise).rejects.toThrow();
    expect(collection.size).toBe(20);
    await collection.delete(many.map(key)).isPersisted.promise;
    expect(collection.size).toBe(0);
  });

  it("made while the gateway is away is shown, written once, and done after it is back", async () => {
    const collection = loans();
    await collection.preload();
    await gateway.stop("SIGKILL");
    const loan = { book: "b06", reader: 1, days: 7 };
    const seen = watch(collection, key(loan));
    const inserted = collection.insert(loan);
    expect(collection.get(key(loan))?.days).toBe(7);
    await gateway.start();
    await inserted.isPersisted.promise;
    expect(collection.get(key(loan))?.days).toBe(7);
    expect(seen).not.toContain(undefined);
    expect(await resource(other, "loans").list()).toEqual([loan]);
    await collection.delete(key(loan)).isPersisted.promise;
  });

  it("gets the key that the database counts", async () => {
    const visits = createCollection(tidegateCollectionOptions({ client: client(), resource: "visits" }));
    await visits.preload();
    const inserted = visits.insert({ id: -1, reader: 7 });
    expect([...visits.keys()]).toEqual([-1]);
    await inserted.isPersisted.promise;
    expect(visits.toArray).toMatchObject([{ id: 1, reader: 7 }]);
  });

  it("clears a property", async () => {
    const collection = books("eager");
    await collection.preload();
    await collection.update("b02", (draft) => {
      draft.notes = undefined as never;
      draft.isbn = 5n;
    }).isPersisted.promise;
    expect(await resource(other, "books").get("b02")).toEqual({ ...BOOKS[2], isbn: int64(5), notes: undefined });
    expect(collection.get("b02")).toMatchObject({ isbn: 5n });
    await resource(other, "books").update("b02", { isbn: (BOOKS[2] as Book).isbn, notes: BOOKS[2]?.notes as string });
  });
});
