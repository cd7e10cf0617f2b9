import { defineConfig } from "tsdown";

// `index` has no dependencies: it is also what a page loads with <script type="module">.
export default defineConfig({
  entry: ["src/index.ts", "src/react.ts"],
  format: "esm",
  platform: "neutral",
  target: "es2022",
  dts: true,
  fixedExtension: false,
  deps: { neverBundle: ["react"] },
});
