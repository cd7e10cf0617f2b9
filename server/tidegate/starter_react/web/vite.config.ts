import { defineConfig, loadEnv } from "vite";

// The browser talks to this server alone, which hands the WebSocket on to the gateway.
export default defineConfig(({ mode }) => {
  const { GATEWAY = "http://127.0.0.1:8787" } = loadEnv(mode, ".", "GATEWAY");
  const proxy = { "/ws": { target: GATEWAY, ws: true } };
  return { server: { host: "127.0.0.1", proxy }, preview: { host: "127.0.0.1", proxy } };
});
