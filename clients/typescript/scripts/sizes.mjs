// Compares the size of this package with that of others: prints a table for docs/explanation/performance.md.
//
//     npm run sizes
//
// It installs the others into a temporary folder, builds this package into it, and bundles what a page with a chat imports of each,
// as `test/sizes.test.ts` does for this package.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const OTHERS = [
  ["partysocket", "1.3.0", 'import W from "partysocket/ws"; console.log(W)', "a WebSocket that reconnects"],
  [
    "phoenix",
    "1.8.16",
    'import { Socket, Presence } from "phoenix"; console.log(Socket, Presence)',
    "channels, presence",
  ],
  ["socket.io-client", "4.8.4", 'import { io } from "socket.io-client"; console.log(io)', "events"],
  [
    "@supabase/realtime-js",
    "2.109.0",
    'import { RealtimeClient as C } from "@supabase/realtime-js"; console.log(C)',
    "channels, presence, changes of rows",
  ],
  [
    "centrifuge",
    "5.8.0",
    'import { Centrifuge } from "centrifuge"; console.log(Centrifuge)',
    "channels, presence, recovery",
  ],
  [
    "convex",
    "1.48.0",
    'import { ConvexClient } from "convex/browser"; console.log(ConvexClient)',
    "live queries, mutations",
  ],
];
const OWN = [
  [
    "tidegate: rooms and requests",
    'import { connect } from "tidegate"; console.log(connect)',
    "rooms, presence, recovery, own messages",
  ],
  [
    "tidegate: with live rows",
    'import { connect, resource } from "tidegate"; console.log(connect, resource)',
    "and live queries, typed reads and writes",
  ],
];

async function size(contents, resolveDir) {
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", write: false, platform: "browser" };
  // What is imported later, if at all, is a file for itself.
  const apart = { splitting: true, outdir: resolveDir };
  const { outputFiles } = await build({ ...options, ...apart, stdin: { contents, resolveDir } });
  return gzipSync(outputFiles.find(({ path }) => path.endsWith("stdin.js")).contents, { level: 9 }).length;
}

const folder = mkdtempSync(join(tmpdir(), "tidegate-sizes-"));
try {
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const packages = OTHERS.map(([name, version]) => `${name}@${version}`);
  const npm = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--legacy-peer-deps", ...packages];
  execFileSync("npm", npm, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  const { version } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
  const rows = [];
  const installed = join(folder, "node_modules", "tidegate");
  mkdirSync(installed);
  copyFileSync(join(HERE, "package.json"), join(installed, "package.json"));
  const tsdown = join(HERE, "node_modules", ".bin", "tsdown");
  const out = ["--format", "esm", "--no-dts", "--out-dir", join(installed, "dist")];
  execFileSync(tsdown, out, { cwd: HERE, stdio: "pipe" });
  for (const [name, code, what] of OWN) rows.push([name, version, await size(code, folder), what]);
  for (const [name, of, code, what] of OTHERS) rows.push([name, of, await size(code, folder), what]);
  rows.sort((a, b) => a[2] - b[2]);
  console.log("| package | version | kB, minified and gzipped | what it has |\n|---|---|---|---|");
  for (const [name, of, bytes, what] of rows)
    console.log(`| ${name} | ${of} | ${(bytes / 1000).toFixed(1)} | ${what} |`);
} finally {
  rmSync(folder, { recursive: true });
}
