// What of a condition the gateway is asked, and that it is never asked for too little.

import { and, eq, gt, gte, IR, ilike, inArray, isNull, isUndefined, like, lower, lt, lte, not, or } from "@tanstack/db";
import { describe, expect, it } from "vitest";
import { narrow } from "../../src/tanstack-db/filters.js";

const ref = (...path: string[]) => new IR.PropRef<never>(path);
const [name, age] = [ref("name"), ref("age")];
const one = gt(age, 1 as never);
const two = eq(name, "a" as never);

const TABLE: [what: string, condition: IR.BasicExpression, filters: object | undefined][] = [
  ["equality", eq(age, 25 as never), { age: { eq: 25 } }],
  ["the contrary of equality", not(eq(age, 25 as never)), { age: { ne: 25 } }],
  ["the contrary of the contrary", not(not(eq(age, 25 as never))), { age: { eq: 25 } }],
  ["more", gt(age, 25 as never), { age: { gt: 25 } }],
  ["not more", not(gt(age, 25 as never)), { age: { lte: 25 } }],
  ["not at least", not(gte(age, 25 as never)), { age: { lt: 25 } }],
  ["not less", not(lt(age, 25 as never)), { age: { gte: 25 } }],
  ["not at most", not(lte(age, 25 as never)), { age: { gt: 25 } }],
  ["integers of 64 bits", eq(age, 9007199254740993n as never), { age: { eq: "9007199254740993" } }],
  ["a list", inArray(age, [1, null, 2n] as never), { age: { in: [1, "2"] } }],
  ["not in a list", not(inArray(age, [1] as never)), { age: { nin: [1] } }],
  ["an empty list", inArray(age, [] as never), undefined],
  ["not in an empty list", not(inArray(age, [] as never)), {}],
  ["null, which nothing equals", eq(age, null as never), undefined],
  ["no value", isNull(age), { age: null }],
  ["a missing value", isUndefined(age), { age: null }],
  ["not null, which a missing value is not either", not(isNull(age)), {}],
  ["both", and(one, two), { and: [{ age: { gt: 1 } }, { name: { eq: "a" } }] }],
  ["either", or(one, two), { or: [{ age: { gt: 1 } }, { name: { eq: "a" } }] }],
  ["not both", not(and(one, two)), { or: [{ age: { lte: 1 } }, { name: { ne: "a" } }] }],
  ["neither", not(or(one, two)), { and: [{ age: { lte: 1 } }, { name: { ne: "a" } }] }],
  ["what can be said of both", and(one, gt(ref("address", "zip"), 1 as never)), { age: { gt: 1 } }],
  ["either, where one cannot be said", or(one, gt(ref("address", "zip"), 1 as never)), {}],
  ["either, where one is never true", or(one, inArray(age, [] as never)), { age: { gt: 1 } }],
  ["both, where one is never true", and(one, inArray(age, [] as never)), undefined],
  ["a property of another", eq(age, name), {}],
  ["a Date, which is no value of a row", gt(age, new Date(0) as never), {}],
  ["texts that JavaScript orders in its own way", gt(name, "\u{1f600}" as never), {}],
  ["equality of such texts", eq(name, "\u{1f600}" as never), { name: { eq: "\u{1f600}" } }],
  ["the start of a text", like(name, "Al%" as never), { name: { startswiths: "Al", endswiths: "" } }],
  ["its end", like(name, "%ce" as never), { name: { startswiths: "", endswiths: "ce" } }],
  ["a piece of it", like(name, "%lic%" as never), { name: { startswiths: "", containss: "lic", endswiths: "" } }],
  ["a text in any case", ilike(name, "Bob%" as never), { name: { startswith: "Bob", endswith: "" } }],
  [
    "letters that lower case makes of others",
    ilike(name, "make" as never),
    { name: { startswith: "ma", endswith: "e" } },
  ],
  ["letters beyond A to Z in any case", ilike(name, "Zoë" as never), { name: { startswith: "Zo", endswith: "" } }],
  [
    "a text in lower case",
    like(lower(name) as never, "%bob%" as never),
    { name: { startswith: "", contains: "bob", endswith: "" } },
  ],
  ["equality in lower case", eq(lower(name) as never, "bob" as never), { name: { startswith: "bob" } }],
  ["more in lower case", gt(lower(name) as never, "bob" as never), {}],
  ["not like", not(like(name, "Al%" as never)), {}],
];

const given = (filters: object | undefined) => filters && JSON.parse(JSON.stringify(filters));

describe("the filters of a condition", () => {
  it.each(TABLE)("%s", (_, condition, filters) => {
    expect(given(narrow(condition as never))).toEqual(filters);
  });

  it("leave out no row where there is no condition", () => {
    expect(narrow(undefined)).toEqual({});
  });
});
