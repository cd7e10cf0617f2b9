// Integers of 64 bits: decimal text on the wire (`format: int64`), because a number is exact up to 2^53 only.

/** The text of an integer of 64 bits. `BigInt(text)` reads one; equal integers are equal texts. */
export type Int64 = string & { readonly __format: "int64" };

const DECIMAL = /^(0|-?[1-9][0-9]*)$/;

/** The text of an integer. RangeError for a number beyond 2^53, for other text, and for what 64 bits cannot hold. */
export function int64(value: bigint | number | string): Int64 {
  const isExact = typeof value === "number" ? Number.isSafeInteger(value) : DECIMAL.test(String(value));
  if (!isExact || BigInt.asIntN(64, BigInt(value)) !== BigInt(value)) {
    throw new RangeError(`int64: ${value} is not exactly an integer of 64 bits`);
  }
  return String(value) as Int64;
}
