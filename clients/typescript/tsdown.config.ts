import { defineConfig } from "tsdown";

// `index` has no dependencies: it is also what a page loads with <script type="module">.
export default defineConfig({
  entry: {
    index: "src/index.ts",
    react: "src/react/index.ts",
    optimistic: "src/optimistic/index.ts",
    protocol: "src/protocol/index.ts",
    refine: "src/refine/index.ts",
    "tanstack-db": "src/tanstack-db/index.ts",
  },
  format: ["esm", "cjs"],
  platform: "neutral",
  target: "es2022",
  dts: true,
  fixedExtension: false,
  deps: { neverBundle: ["react", "@refinedev/core", "@tanstack/db", "@tanstack/react-query"] },
  // React on a server leaves hooks to the browser.
  outputOptions: { banner: ({ fileName }) => (/^react\.c?js$/.test(fileName) ? '"use client";' : "") },
});
