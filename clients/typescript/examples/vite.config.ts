import { fileURLToPath } from "node:url";
import { defineConfig, loadEnv } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// An application has `tidegate` among its dependencies. Here its names stand for the sources beside this folder.
const alias = [
  { find: /^tidegate$/, replacement: here("../src/index.ts") },
  { find: /^tidegate\/(.*)$/, replacement: here("../src/$1/index.ts") },
];

// The browser talks to this server alone, which hands the WebSocket on to the gateway.
export default defineConfig(({ mode }) => {
  const { GATEWAY = "http://127.0.0.1:8787" } = loadEnv(mode, ".", "GATEWAY");
  return {
    root: here("."),
    resolve: { alias },
    oxc: { jsx: { runtime: "automatic" } },
    server: { host: "127.0.0.1", proxy: { "/ws": { target: GATEWAY, ws: true } } },
  };
});
