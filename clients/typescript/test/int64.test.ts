// The text of integers of 64 bits: from what a program has, and only where the integer is exact.

import { expect, test } from "vitest";
import { type Int64, int64 } from "../src/protocol/index.js";

test.each([
  [7, "7"],
  [-0, "0"],
  [2n ** 53n + 1n, "9007199254740993"],
  [2n ** 63n - 1n, "9223372036854775807"],
  [-(2n ** 63n), "-9223372036854775808"],
  ["-9007199254740993", "-9007199254740993"],
])("int64(%s) is %s", (value, text) => {
  const made: Int64 = int64(value);
  expect(made).toBe(text);
  expect(BigInt(made)).toBe(BigInt(value));
});

test.each([
  2 ** 53,
  0.5,
  Number.NaN,
  2n ** 63n,
  -(2n ** 63n) - 1n,
  "",
  "07",
  "-0",
  "+7",
  " 7",
  "0x7",
  "1e3",
  "9".repeat(20),
])("int64(%s) is refused", (value) => {
  expect(() => int64(value)).toThrow(RangeError);
});
