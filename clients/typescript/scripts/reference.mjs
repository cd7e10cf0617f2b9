// Writes docs/reference/typescript-api.md from the doc comments of what the package exports: `npm run reference`.
// With `--check` it compares the page with the sources, as a test does.
//
// Invariant: the page names every export of every entry point, and nothing private.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const PAGE = fileURLToPath(new URL("../../../docs/reference/typescript-api.md", import.meta.url));
const HEAD = `# The TypeScript client, name by name

Generated from the sources by \`npm run reference\` in \`clients/typescript\`. The [guide](typescript-client.md) explains how the parts work together, and
[both clients](clients.md) says what Python calls them. The types of messages are those of the [protocol](protocol.md).
`;

const manifest = JSON.parse(readFileSync(`${HERE}package.json`, "utf8"));
const entries = Object.keys(manifest.exports).filter((name) => name !== "./package.json");
const sources = entries.map((entry) => `${HERE}src${entry.slice(1)}/index.ts`);
const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(`${HERE}tsconfig.json`, ts.sys.readFile).config,
  ts.sys,
  HERE,
);
// Other packages and the library say nothing about the exports of this one.
const host = ts.createCompilerHost(options);
host.resolveModuleNameLiterals = (names, file) =>
  names.map(({ text: name }) =>
    name.startsWith(".") ? ts.resolveModuleName(name, file, options, host) : { resolvedModule: undefined },
  );
const printer = ts.createPrinter({ removeComments: true });

/** The text of the page. */
function reference() {
  const program = ts.createProgram(sources, { ...options, noLib: true, types: [] }, host);
  const checker = program.getTypeChecker();
  const sections = entries.map((entry, index) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(sources[index]));
    const symbols = checker.getExportsOfModule(module).map((symbol) => {
      const isAlias = symbol.flags & ts.SymbolFlags.Alias;
      return { name: symbol.name, symbol: isAlias ? checker.getAliasedSymbol(symbol) : symbol };
    });
    const own = symbols.filter(({ symbol }) => !isOfProtocol(symbol));
    own.sort((a, b) => (a.name < b.name ? -1 : 1));
    const parts = own.map(({ name, symbol }) => describe(name, symbol, checker));
    return `\n## \`${entry.replace(".", manifest.name)}\`\n${parts.join("")}`;
  });
  return HEAD + sections.join("");
}

function isOfProtocol(symbol) {
  return symbol.declarations[0].getSourceFile().fileName.includes("/generated/");
}

function describe(name, symbol, checker) {
  const declaration = symbol.declarations.find((node) => !ts.isModuleDeclaration(node));
  const text = comment(symbol, checker);
  const lines = [`\n### \`${name}\`\n`, text && `${text}\n`, fence(head(declaration))];
  const members =
    ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration) ? declaration.members : [];
  const rows = members.filter(isPublic).map((member) => {
    const of = member.name && checker.getSymbolAtLocation(member.name);
    return `| \`${cell(head(member))}\` | ${cell(of ? comment(of, checker) : "")} |`;
  });
  if (rows.length > 0) lines.push(["| member | what |", "|---|---|", ...rows, ""].join("\n"));
  return lines.filter(Boolean).join("\n");
}

function isPublic(member) {
  if (!member.name || ts.isPrivateIdentifier(member.name) || ts.isConstructorDeclaration(member)) return false;
  if (ts.getJSDocTags(member).some(({ tagName }) => tagName.text === "internal")) return false;
  return !/^["'~[]/.test(member.name.getText());
}

/** A declaration without its body. */
function head(node) {
  const source = node.getSourceFile();
  const text = printer.printNode(ts.EmitHint.Unspecified, node, source);
  if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) return text.slice(0, text.indexOf(" {"));
  if (ts.isVariableDeclaration(node)) return `const ${text.split(" = ")[0]}`;
  const withoutBody = node.body
    ? text.slice(0, text.length - printer.printNode(ts.EmitHint.Unspecified, node.body, source).length)
    : text;
  return withoutBody
    .replace(/^export /, "")
    .replace(/^async /, "")
    .replace(/^declare /, "")
    .trim()
    .replace(/;$/, "");
}

function comment(symbol, checker) {
  return ts
    .displayPartsToString(symbol.getDocumentationComment(checker))
    .replaceAll(/\s*\n\s*/g, " ")
    .trim();
}

const fence = (code) => `\`\`\`text\n${code.replace(/^export /, "")}\n\`\`\`\n`;
const cell = (text) => text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");

const text = reference();
if (!process.argv.includes("--check")) writeFileSync(PAGE, text);
else if (text !== readFileSync(PAGE, "utf8")) {
  console.error("docs/reference/typescript-api.md is not that of the sources: npm run reference");
  process.exitCode = 1;
}
