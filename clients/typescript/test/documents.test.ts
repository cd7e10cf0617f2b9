// The README and the guide match the client: their code compiles, and they name every option and error.
//
// A block without an import continues the first block of its document: it knows `client`.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import * as library from "../src/index.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const HERE = `${ROOT}clients/typescript/`;
const PRELUDE = `import { connect, resource } from "tidegate";
import type { App } from "./generated/typescript/app.js";
const client = connect<App>("");
`;
const DOCUMENTS = ["clients/typescript/README.md", "docs/reference/typescript-client.md"];
const OPTIONS = readFileSync(`${HERE}src/options.ts`, "utf8");

function text(document: string): string {
  return readFileSync(ROOT + document, "utf8");
}

/** The blocks of a document, as files beside the folder `generated`. */
function blocks(document: string): [string, string][] {
  const found = [...text(document).matchAll(/^```(tsx?)\n(.*?)^```/gms)];
  return found.map(([, kind, code = ""], index) => {
    const source = /^import /m.test(code) ? code : PRELUDE + code;
    return [`${ROOT}${document.replaceAll("/", "-")}-${index + 1}.${kind}`, source];
  });
}

/** The compiler's complaints about files, which may exist in memory only. */
function complaints(files: Map<string, string>): string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${HERE}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    HERE,
  );
  options.typeRoots = [`${HERE}node_modules/@types`];
  options.paths = {
    tidegate: [`${HERE}src/index.ts`],
    "tidegate/*": [`${HERE}src/*/index.ts`],
    "@refinedev/core": [`${HERE}node_modules/@refinedev/core`],
    "@tanstack/react-query": [`${HERE}node_modules/@tanstack/react-query`],
    "@tanstack/db": [`${HERE}node_modules/@tanstack/db`],
    react: [`${HERE}node_modules/@types/react/index.d.ts`],
    "react/jsx-runtime": [`${HERE}node_modules/@types/react/jsx-runtime.d.ts`],
    ws: [`${HERE}node_modules/@types/ws/index.d.ts`],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, languageVersion, ...others) => {
    const source = files.get(name);
    return source === undefined
      ? getSourceFile(name, languageVersion, ...others)
      : ts.createSourceFile(name, source, languageVersion);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  // The client's own sources are checked by `npm run check`.
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const name of files.keys()) {
    const file = program.getSourceFile(name);
    found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  }
  return found.map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.replace(ROOT, "")}:${line} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

describe("the documents", () => {
  it("have code that compiles, and so does what the compiler must refuse", () => {
    const short = [
      "README.md",
      "docs/reference/filters.md",
      "docs/how-to/tanstack-db.md",
      "docs/how-to/refine.md",
      "docs/how-to/rooms.md",
      "docs/how-to/forms.md",
    ];
    const written = [...short, ...DOCUMENTS].map(blocks);
    for (const [index, found] of written.entries()) expect(found.length).toBeGreaterThan(index < short.length ? 0 : 5);
    const types = `${HERE}test/contract.types.ts`;
    const wrong = `${ROOT}wrong.ts`;
    const files = new Map([...written.flat(), [types, readFileSync(types, "utf8")], [wrong, `${PRELUDE}client.typo;`]]);
    expect(complaints(files)).toEqual([expect.stringMatching(/^wrong.ts:4 Property 'typo' does not exist/)]);
  });

  it("have code of the hooks that compiles, with one declaration of the application for all", () => {
    const found = blocks("docs/reference/react.md");
    expect(found.length).toBeGreaterThan(5);
    const wrong = `${ROOT}wrong.ts`;
    const typo = 'import { useLiveQuery } from "tidegate/react"; useLiveQuery("taskz");';
    expect(complaints(new Map([...found, [wrong, typo]]))).toEqual([expect.stringMatching(/^wrong.ts:1 .*"taskz"/)]);
  });

  it("show the hook as it is meant to be used", () => {
    const shown = text("clients/typescript/README.md");
    expect(shown).toContain("const { data, subscribe, send } = useWebSocket(url);");
    expect(shown).toContain("subscribe('users', { status: 'active' })");
  });

  it.each(DOCUMENTS)("name every option: %s", (document) => {
    const options = [
      ...((OPTIONS.split("export interface Options {")[1] ?? "").split("\n}")[0]?.matchAll(/^ {2}(\w+)\?:/gm) ?? []),
    ];
    expect(options.length).toBeGreaterThan(3);
    const missing = options.map(([, name]) => name).filter((name) => !text(document).includes(`${name}`));
    // Options that only tests need stand in the guide alone.
    const forTests = ["clock", "random"];
    expect(missing.filter((name = "") => !forTests.includes(name) || document.startsWith("docs"))).toEqual([]);
  });

  it.each(DOCUMENTS)("name every error: %s", (document) => {
    const errors = Object.entries(library).filter(([, value]) => {
      return (
        typeof value === "function" &&
        (value === library.TidegateError || value.prototype instanceof library.TidegateError)
      );
    });
    expect(errors).toHaveLength(8);
    expect(errors.map(([name]) => name).filter((name) => !text(document).includes(name))).toEqual([]);
  });
});
