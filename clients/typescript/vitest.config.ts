import { defineConfig } from "vitest/config";

/** Files that build pages or packages, start gateways or browsers, or need the globals of a page: one process each. */
const APART = ["test/**/*.test.tsx", "test/browser/*.test.ts", "test/package.test.ts", "test/sizes.test.ts"];

// Deadlines pass only in a test that fails: they are long enough for a machine that is busy with other things.
const shared = { testTimeout: 180_000, hookTimeout: 180_000, expect: { poll: { timeout: 60_000 } } };

export default defineConfig({
  test: {
    // All processors, with less right to them than the Python tests that `make test` runs beside these.
    maxWorkers: "100%",
    projects: [
      { test: { ...shared, name: "apart", include: APART } },
      {
        // Starting a process and loading the modules takes longer than most of these files. They restore what they
        // change. They run after the others: a process that is needed for another project ends.
        test: {
          ...shared,
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: APART,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
