// Idempotency keys: a mutation that is sent twice over a broken connection is carried out once.

/** 128 random bits. Not `crypto.randomUUID`, which pages served over plain HTTP do not have. */
export function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
