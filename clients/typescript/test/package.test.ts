// The package that users install: its kinds of modules, its types for each way of finding them, bundles, and what the linters
// of packages say. Jest, Next.js, Bun and Deno take longer: `make test-packaging`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Folder, install, pack } from "./packaging/installed.js";
import { complaints } from "./packaging/types.js";

const PEERS = [
  "react",
  "@types/react",
  "@types/node",
  "@tanstack/db",
  "@refinedev/core",
  "@tanstack/react-query",
  "ws",
  "vite",
];
const ENTRIES = [
  "tidegate",
  "tidegate/react",
  "tidegate/optimistic",
  "tidegate/protocol",
  "tidegate/refine",
  "tidegate/tanstack-db",
  "tidegate/testing",
];

const folder = new Folder();
let archive = "";

beforeAll(() => {
  archive = pack(folder.path);
  install(folder, archive, PEERS);
});

afterAll(() => folder.remove());

const bin = (name: string) => join(import.meta.dirname, "..", "node_modules", ".bin", name);

describe("the linters of packages find nothing", () => {
  it("publint", () => {
    expect(folder.run(bin("publint"), archive, "--strict")).toContain("All good!");
  });

  it("attw", () => {
    expect(folder.run(bin("attw"), archive, "--format", "ascii")).toContain("No problems found");
  });
});

const { ModuleKind: M, ModuleResolutionKind: R } = ts;

describe("the types are found by", () => {
  it.each([
    ["node10", "cts", M.CommonJS, 2],
    ["nodenext, from a module", "mts", M.NodeNext, R.NodeNext],
    ["nodenext, from CommonJS", "cts", M.NodeNext, R.NodeNext],
    ["bundler", "ts", M.ESNext, R.Bundler],
  ])("%s", (_, kind, module, moduleResolution) => {
    expect(complaints(folder, `of_${module}.${kind}`, { module, moduleResolution })).toEqual([]);
  });
});

describe("Node loads", () => {
  it("each entry point with import", () => {
    const code = `for (const entry of ${JSON.stringify(ENTRIES)}) await import(entry); console.log("all");`;
    expect(folder.node(code)).toBe("all");
  });

  it("each entry point with require, with the same names", () => {
    const code = `
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      for (const entry of ${JSON.stringify(ENTRIES)}) {
        const [one, other] = [require(entry), await import(entry)].map((names) => Object.keys(names).sort().join());
        if (one !== other) console.log(entry, one, other);
      }
      console.log("all");`;
    expect(folder.node(code)).toBe("all");
  });

  it("both, and a function of one takes a client of the other", () => {
    const code = `
      import { createRequire } from "node:module";
      import { connect, resource } from "tidegate";
      import { optimistic } from "tidegate/optimistic";
      import WebSocket from "ws";
      const required = createRequire(import.meta.url)("tidegate");
      if (required.connect === connect) throw new Error("one copy");
      for (const make of [connect, required.connect]) {
        const client = optimistic(make("ws://127.0.0.1:9/ws", { WebSocket }));
        const [one, other] = [resource, required.resource].map((of) => of(client, "tasks").subscribe());
        console.log(one.status, other.status);
        client.close();
      }`;
    expect(folder.node(code)).toBe("loading loading\nloading loading");
  });
});

describe("the package is bundled by", () => {
  const code = `
    import { connect } from "tidegate";
    import { useWebSocket } from "tidegate/react";
    console.log(connect, useWebSocket);`;

  it("esbuild, without what is not imported", async () => {
    const stdin = { contents: code, resolveDir: folder.path };
    const { outputFiles } = await build({ stdin, bundle: true, format: "esm", write: false, external: ["react"] });
    expect(outputFiles[0]?.text).toContain("tidegate.v1");
    expect(outputFiles[0]?.text).not.toContain("startswith");
  });

  it("Vite", () => {
    folder.write("main.js", code);
    folder.write("index.html", '<script type="module" src="./main.js"></script>');
    folder.run(join(folder.path, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "error");
    expect(readFileSync(join(folder.path, "dist", "index.html"), "utf8")).toMatch(/assets\/index-.*\.js/);
  });
});

it("the hooks are marked as code of the browser", () => {
  for (const kind of ["js", "cjs"]) {
    const text = readFileSync(join(folder.path, "node_modules", "tidegate", "dist", `react.${kind}`), "utf8");
    expect(text.startsWith('"use client";')).toBe(true);
  }
});

it("the package has no dependencies", () => {
  const manifest = JSON.parse(readFileSync(join(folder.path, "node_modules", "tidegate", "package.json"), "utf8"));
  expect(Object.keys(manifest.dependencies ?? {})).toEqual([]);
});
