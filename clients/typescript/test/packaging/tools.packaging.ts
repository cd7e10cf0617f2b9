// Applications of a few lines from the packed client, each with a tool or a runtime that is too large for every run.
//
// The programs that run talk to a real gateway.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Folder, pack } from "./installed.js";
import { complaints } from "./types.js";

const folder = new Folder();
const gateway = new Gateway();

const bin = (name: string) => join(folder.path, "node_modules", ".bin", name);

beforeAll(async () => {
  folder.copy("package.json");
  folder.copy("package-lock.json");
  folder.run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  folder.run("npm", "install", "--no-save", "--legacy-peer-deps", "--no-audit", "--no-fund", pack(folder.path));
  gateway.migrate(true);
  await gateway.start();
});

afterAll(async () => {
  await gateway.remove();
  folder.remove();
});

/** Asks for rows, and waits for a live query. */
const program = (open: string) => `
  const client = connect("${gateway.url}"${open});
  const users = resource(client, "users");
  const live = await users.subscribe().loaded();
  console.log((await users.list()).length === live.rows.length ? "equal" : "different");
  client.close();`;

const IMPORTS = `import { connect, resource } from "tidegate";`;

describe("the client runs in", () => {
  it("Bun", () => {
    folder.write("bun.ts", IMPORTS + program(""));
    expect(folder.run(bin("bun"), "run", "bun.ts")).toContain("equal");
  });

  it("Bun, with require", () => {
    folder.write("bun.cjs", `const { connect, resource } = require("tidegate"); (async () => {${program("")}})();`);
    expect(folder.run(bin("bun"), "run", "bun.cjs")).toContain("equal");
  });

  it("Deno", () => {
    folder.write("deno.ts", IMPORTS + program(""));
    const permissions = ["--allow-net", "--allow-read", "--allow-env", "--node-modules-dir=manual"];
    expect(folder.run(bin("deno"), "run", ...permissions, "deno.ts")).toContain("equal");
  });

  it("Node, with ws", () => {
    const imports = `${IMPORTS} import WebSocket from "ws";`;
    expect(folder.node(imports + program(", { WebSocket }"))).toBe("equal");
  });

  it("Jest, which takes CommonJS by default", () => {
    const code = `
      const { connect, resource } = require("tidegate");
      const { optimistic } = require("tidegate/optimistic");
      test("rows", async () => {
        const client = optimistic(connect("${gateway.url}", { WebSocket: require("ws") }));
        expect((await resource(client, "users").subscribe().loaded()).rows.length).toBeGreaterThan(0);
        client.close();
      });`;
    folder.write("jest/rows.test.js", code);
    folder.run(bin("jest"), "--rootDir", join(folder.path, "jest"), "--config", "{}");
  });
});

describe("Next.js builds", () => {
  it("a page of the server with a component of the browser", () => {
    const page = `
      import { PROTOCOL_VERSION } from "tidegate/protocol";
      import { Rows } from "./rows";
      export default () => <main>protocol {PROTOCOL_VERSION} <Rows /></main>;`;
    const rows = `
      "use client";
      import { useWebSocket } from "tidegate/react";
      export function Rows() {
        const { data, status } = useWebSocket("ws://127.0.0.1:9/ws");
        return <p>{status} {data.length} rows</p>;
      }`;
    const layout = "export default ({ children }) => <html><body>{children}</body></html>;";
    folder.write("next/app/page.jsx", page);
    folder.write("next/app/rows.jsx", rows.trimStart());
    folder.write("next/app/layout.jsx", layout);
    // The hook's own module says that it belongs to the browser: a component of the server may hand it on.
    folder.write(
      "next/app/hook/page.jsx",
      'export { useWebSocket } from "tidegate/react"; export default () => "hook";',
    );
    folder.write("next/next.config.mjs", `export default { turbopack: { root: ${JSON.stringify(folder.path)} } };`);
    folder.run("env", "NEXT_TELEMETRY_DISABLED=1", bin("next"), "build", join(folder.path, "next"));
    const html = readFileSync(join(folder.path, "next/.next/server/app/index.html"), "utf8");
    expect(html).toMatch(/protocol .*1/);
    expect(html).toMatch(/connecting.*0.*rows/);
  });
});

describe("the types are found by", () => {
  it.each(["mts", "cts"])("node16, from a .%s", (kind) => {
    const { Node16: module } = ts.ModuleKind;
    expect(complaints(folder, `types.${kind}`, { module, moduleResolution: ts.ModuleResolutionKind.Node16 })).toEqual(
      [],
    );
  });
});
