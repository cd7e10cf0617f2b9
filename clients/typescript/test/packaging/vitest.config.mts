import { defineConfig } from "vitest/config";

// Each test builds an application with a tool that takes its time.
export default defineConfig({
  test: { include: ["**/*.packaging.ts"], root: import.meta.dirname, testTimeout: 600_000, hookTimeout: 900_000 },
});
