// Idempotency keys: a mutation that is sent twice over a broken connection is carried out once.

/** 128 random bits. Not `crypto.randomUUID`, which pages served over plain HTTP do not have. */
export function idempotencyKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
