import { defineConfig } from "vitest/config";

/** `make screenshots`: the pictures of the console in docs/images. */
export default defineConfig({
  test: { include: ["test/browser/screenshots.pictures.ts"], testTimeout: 180_000, hookTimeout: 180_000 },
});
