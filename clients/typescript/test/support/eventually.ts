// How tests over real sockets wait: for what must happen, with a deadline that passes only in a test that fails.

import { vi } from "vitest";

const DEADLINE_MS = 60_000;

/** Try `check` until it throws no more. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: DEADLINE_MS, interval: 5 });
}
