// Integers of 64 bits: decimal text on the wire (`format: int64`), because a number is exact up to 2^53 only.

/** The text of an integer of 64 bits. `BigInt(text)` reads one; equal integers are equal texts. */
export type Int64 = string & { readonly __format: "int64" };

const DECIMAL = /^(0|-?[1-9][0-9]*)$/;

/** The text of an integer. RangeError for a number beyond 2^53, for other text, and for what 64 bits cannot hold. */
export function int64(value: bigint | number | string): Int64 {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError("int64: a number is exact up to 2^53 only: give a bigint, or text");
  }
  if (typeof value === "string" && !DECIMAL.test(value)) throw new RangeError("int64: this is no decimal integer");
  const integer = BigInt(value);
  if (BigInt.asIntN(64, integer) !== integer) throw new RangeError("int64: the integer has more than 64 bits");
  return String(integer) as Int64;
}
