import { defineConfig } from "tsdown";
import { shortNames } from "./scripts/short_names.js";

// `index` has no dependencies: it is also what a page loads with <script type="module">.
const entry = {
  index: "src/index.ts",
  react: "src/react/index.ts",
  optimistic: "src/optimistic/index.ts",
  protocol: "src/protocol/index.ts",
  sse: "src/sse/index.ts",
  refine: "src/refine/index.ts",
  "tanstack-db": "src/tanstack-db/index.ts",
  testing: "src/testing/index.ts",
};
const external = ["react", "@refinedev/core", "@tanstack/db", "@tanstack/react-query"];

export default defineConfig({
  entry,
  format: ["esm", "cjs"],
  platform: "neutral",
  target: "es2022",
  dts: true,
  sourcemap: true,
  // What a bundler cannot do for a program: constants and members of a file of another package stay as they are.
  minify: { compress: { sequences: false, joinVars: false }, mangle: false, codegen: false },
  // Short names suit what pages load; the entry for tests uses the same.
  plugins: [
    shortNames(
      Object.values(entry).filter((source) => source !== entry.testing),
      external,
    ),
  ],
  fixedExtension: false,
  deps: { neverBundle: external },
  // React on a server leaves hooks to the browser.
  outputOptions: { banner: ({ fileName }) => (/^react\.c?js$/.test(fileName) ? '"use client";' : "") },
});
