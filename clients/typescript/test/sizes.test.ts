// How much of the package comes into a bundle, entry by entry, as a bundler sees it that a program installed the package for:
// minified, without what is not imported, and gzipped.
//
// All of `tidegate/react` is more than the 3000 bytes that were wanted: it has `useWebSocket`, which needs no provider, beside the
// hooks that need one, and no page needs both. A change that needs more has to find it elsewhere.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const MANIFEST = JSON.parse(readFileSync(`${HERE}package.json`, "utf8"));
const ENTRIES = Object.keys(MANIFEST.exports)
  .filter((name) => name !== "./package.json")
  .map((name) => name.replace(".", MANIFEST.name));
const PEERS = Object.keys(MANIFEST.peerDependencies);

/** A program's folder, in which the package is installed. */
const PROGRAM = mkdtempSync(join(tmpdir(), "tidegate-sizes-"));

beforeAll(() => {
  const installed = join(PROGRAM, "node_modules", MANIFEST.name);
  mkdirSync(installed, { recursive: true });
  copyFileSync(`${HERE}package.json`, join(installed, "package.json"));
  const tsdown = join(HERE, "node_modules", ".bin", "tsdown");
  const options = ["--format", "esm", "--no-dts", "--out-dir", join(installed, "dist")];
  execFileSync(tsdown, options, { cwd: HERE, stdio: "pipe" });
}, 180_000);

afterAll(() => rmSync(PROGRAM, { recursive: true }));

const REQUESTS_AND_ROOMS = `
  import { connect } from "tidegate";
  const client = connect("ws://localhost/ws");
  client.room("chat").send(await client.request({ type: "ping" }));`;
const ALL = 'export * from "tidegate";';

/** Bytes of the bundle of a program. `over`: less those of another program. */
async function size(program: string, over?: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: PROGRAM },
    // The hashes in names of parts are made from paths below it. Other hashes would compress to other sizes.
    absWorkingDir: PROGRAM,
    external: PEERS.flatMap((peer) => [peer, `${peer}/*`]),
    bundle: true,
    // What is imported later, if at all, is not in the way of the page.
    splitting: true,
    outdir: PROGRAM,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  const main = outputFiles.find(({ path }) => path.endsWith("stdin.js"));
  const bytes = gzipSync(main?.contents ?? "", { level: 9 }).length;
  return over === undefined ? bytes : bytes - (await size(over));
}

const beside = (entry: string): [string, string] => [`${ALL} export * from "tidegate/${entry}";`, ALL];

/** What a page needs that has a provider: everything of `tidegate/react` but `useWebSocket`, which needs none. */
const HOOKS =
  "TidegateProvider, useClient, useConnection, useLiveQuery, useMutation, useMyPresence, useOthers, useRequest, useRoom, useRow";

const LIMITS: [what: string, limit: number, program: string, over?: string][] = [
  ["requests and rooms", 6600, REQUESTS_AND_ROOMS],
  ["everything of tidegate", 9850, ALL],
  ["+ tidegate/react", 3520, ...beside("react")],
  ["+ all hooks of a provider", 3000, `${ALL} export { ${HOOKS} } from "tidegate/react";`, ALL],
  ["+ tidegate/optimistic", 2000, ...beside("optimistic")],
  ["+ tidegate/refine", 3000, ...beside("refine")],
  ["tidegate/sse, once it is needed", 1350, 'export * from "tidegate/sse";'],
  ["+ tidegate/tanstack-db", 2000, ...beside("tanstack-db")],
  ["+ tidegate/testing", 6000, ...beside("testing")],
  ["+ tidegate/protocol", 2000, ...beside("protocol")],
];

describe("the size of", () => {
  const rows: string[] = [];
  afterAll(() => console.log(["gzipped bytes (limit)", ...rows].join("\n")));

  it.each(LIMITS)("%s is at most %i", async (what, limit, program, over) => {
    const bytes = await size(program, over);
    rows.push(`${what.padEnd(26)} ${String(bytes).padStart(6)} (${limit})`);
    expect(bytes).toBeGreaterThanOrEqual(0);
    expect(bytes).toBeLessThanOrEqual(limit);
  });

  it("each entry point has a limit", () => {
    const bundled = LIMITS.map(([, , program]) => program).join();
    expect(ENTRIES.filter((name) => !bundled.includes(`"${name}"`))).toEqual([]);
  });
});
