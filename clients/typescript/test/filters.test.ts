// What the client says of a filter and a row is what the gateway says, for every operator, or that it does not know.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { matches } from "../src/optimistic/filters.js";
import type { ResourceShape } from "../src/options.js";
import { ROOT } from "./support/gateway.js";

interface Answers {
  types: ResourceShape["types"];
  answers: [filters: object, row: object, expected: boolean][];
}

const OPERATORS = [
  "eq ne eqs nes lt gt lte gte in nin ina nina contains ncontains containss ncontainss between nbetween null nnull",
  "startswith nstartswith startswiths nstartswiths endswith nendswith endswiths nendswiths",
].flatMap((names) => names.split(" "));
const python = join(ROOT, ".venv", "bin", "python");
const printed = execFileSync(python, ["-m", "tests.core.filters.answers", "3000"], { cwd: ROOT, encoding: "utf8" });
const { types, answers }: Answers = JSON.parse(printed);

const wrong = (isWrong: (answer: Answers["answers"][0]) => boolean) =>
  answers.filter(isWrong).map((answer) => JSON.stringify(answer));

describe("the predicate of optimistic writes", () => {
  it("says of every row what the gateway says", () => {
    expect(answers.length).toBeGreaterThan(3500);
    for (const operator of OPERATORS) expect(printed, operator).toContain(`"${operator}":`);
    expect(wrong(([filters, row, expected]) => matches(row, filters, types, true) !== expected)).toEqual([]);
  });

  it("says that it does not know, rather than something else, where it lacks the types or properties", () => {
    const says = ([filters, row, expected]: Answers["answers"][0], of: Answers["types"], whole: boolean) =>
      [expected, undefined].includes(matches(row, filters, of, whole));
    expect(wrong((answer) => !says(answer, {}, true))).toEqual([]);
    expect(wrong((answer) => !says(answer, types, false))).toEqual([]);
    expect(matches({ text: "a" }, { text: "b" }, {}, true)).toBeUndefined();
    expect(matches({}, { int: null }, types, false)).toBeUndefined();
    expect(matches({ int: 1 }, { int: { near: 1 } }, types, true)).toBeUndefined();
  });

  it.each([
    ["time", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000000Z"],
    ["time", "2026-01-31t12:00:00.1234567z", "2026-01-31T12:00:00.123456Z"],
    ["id", "6F1C2D3E-0000-4000-8000-00000000000F", "6f1c2d3e-0000-4000-8000-00000000000f"],
  ])("knows two spellings of one %s", (name, asked, value) => {
    const known = { time: "date-time", id: "uuid" } as const;
    for (const operator of ["eq", "lte", "gte"])
      expect(matches({ [name]: value }, { [name]: { [operator]: asked } }, known, true)).toBe(true);
    expect(matches({ [name]: value }, { [name]: { in: [asked] } }, known, true)).toBe(true);
    expect(matches({ [name]: value }, { [name]: { ne: asked } }, known, true)).toBe(false);
  });
});
