// How much of the package comes into a bundle, entry by entry, as a bundler sees it: minified, without what is not imported, and
// gzipped. The limits are promises of the README: a change that needs more has to find it elsewhere.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const MANIFEST = JSON.parse(readFileSync(`${HERE}package.json`, "utf8"));
const ENTRIES = Object.keys(MANIFEST.exports).filter((name) => name !== "./package.json");
const PEERS = Object.keys(MANIFEST.peerDependencies);

/** "tidegate/react" is `src/react/index.ts`. */
const SOURCES = Object.fromEntries(
  ENTRIES.map((entry) => [entry.replace(".", MANIFEST.name), `${HERE}src${entry.slice(1)}/index.ts`]),
);

const REQUESTS_AND_ROOMS = `
  import { connect } from "tidegate";
  const client = connect("ws://localhost/ws");
  client.room("chat").send(await client.request({ type: "ping" }));`;
const ALL = 'export * from "tidegate";';

/** Bytes of the bundle of a program. `over`: less those of another program. */
async function size(program: string, over?: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: HERE },
    alias: SOURCES,
    external: PEERS.flatMap((peer) => [peer, `${peer}/*`]),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
  return over === undefined ? bytes : bytes - (await size(over));
}

const beside = (entry: string): [string, string] => [`${ALL} export * from "tidegate/${entry}";`, ALL];

const LIMITS: [what: string, limit: number, program: string, over?: string][] = [
  ["requests and rooms", 6000, REQUESTS_AND_ROOMS],
  ["everything of tidegate", 9000, ALL],
  ["+ tidegate/react", 3000, ...beside("react")],
  ["+ tidegate/optimistic", 2000, ...beside("optimistic")],
  ["+ tidegate/refine", 3000, ...beside("refine")],
  ["+ tidegate/tanstack-db", 2000, ...beside("tanstack-db")],
  ["+ tidegate/protocol", 2000, ...beside("protocol")],
];

describe("the size of", () => {
  const rows: string[] = [];
  afterAll(() => console.log(["gzipped bytes (limit)", ...rows].join("\n")));

  it.each(LIMITS)("%s is at most %i", async (what, limit, program, over) => {
    const bytes = await size(program, over);
    rows.push(`${what.padEnd(24)} ${String(bytes).padStart(6)} (${limit})`);
    expect(bytes).toBeGreaterThanOrEqual(0);
    expect(bytes).toBeLessThanOrEqual(limit);
  });

  it("each entry point has a limit", () => {
    const bundled = LIMITS.map(([, , program]) => program).join();
    expect(Object.keys(SOURCES).filter((name) => !bundled.includes(`"${name}"`))).toEqual([]);
  });
});
