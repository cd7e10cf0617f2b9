import { defineConfig } from "vitest/config";

// Deadlines pass only in a test that fails: they are long enough for a machine that is busy with other things.
export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    // All processors: nothing else runs beside these tests.
    maxWorkers: "100%",
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
