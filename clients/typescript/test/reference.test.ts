// The page of all exported names is that of the sources.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

it("docs/reference/typescript-api.md is up to date: npm run reference", () => {
  const script = join(import.meta.dirname, "..", "scripts", "reference.mjs");
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});
