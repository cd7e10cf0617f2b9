// The short names of the built package: what has one is a member that the package alone uses. Another would be missing under its
// name in the program, in the browser or on the wire.

import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { INTERNAL } from "../scripts/short_names.js";

const HERE = join(import.meta.dirname, "..");
const names = new Set(INTERNAL);
const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(HERE, "tsconfig.json"), ts.sys.readFile).config,
  ts.sys,
  HERE,
);
const entries = ["", "react/", "optimistic/", "protocol/", "refine/", "tanstack-db/", "testing/"];
const program = ts.createProgram(
  entries.map((entry) => join(HERE, "src", entry, "index.ts")),
  { ...options, types: [] },
);
const checker = program.getTypeChecker();
const isOwn = (node: ts.Node) => node.getSourceFile().fileName.startsWith(join(HERE, "src"));
const sources = program.getSourceFiles().filter(isOwn);

/** All nodes of files. */
function* within(nodes: readonly ts.Node[]): Generator<ts.Node> {
  for (const node of nodes) {
    yield node;
    const children: ts.Node[] = [];
    ts.forEachChild(node, (child) => void children.push(child));
    yield* within(children);
  }
}

/** What a member stands for where it is used: read, taken out of an object, or put into one. */
function used(node: ts.Node): ts.Symbol | undefined {
  if (ts.isPropertyAccessExpression(node)) return named(node.name) ? checker.getSymbolAtLocation(node.name) : undefined;
  if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
    const name = node.propertyName ?? node.name;
    return named(name) ? checker.getTypeAtLocation(node.parent).getProperty(name.getText()) : undefined;
  }
  if (!ts.isObjectLiteralElement(node) || !node.name || !named(node.name)) return undefined;
  return checker.getContextualType(node.parent as ts.ObjectLiteralExpression)?.getProperty(node.name.getText());
}

function isHidden(member: ts.Declaration): boolean {
  const name = ts.getNameOfDeclaration(member);
  const isPrivate = name !== undefined && ts.isPrivateIdentifier(name);
  return isPrivate || ts.getJSDocTags(member).some(({ tagName }) => tagName.text === "internal");
}

function named(node: ts.Node): boolean {
  return ts.isIdentifier(node) && names.has(node.text);
}

/** The names of members that a program sees of a type, and of the types of these members. */
function seen(type: ts.Type, known: Set<unknown>, found: Set<string>): void {
  if (known.has(type)) return;
  known.add(type);
  if (type.isUnionOrIntersection()) for (const part of type.types) seen(part, known, found);
  for (const member of type.getProperties()) {
    const declaration = member.declarations?.[0];
    if (!declaration || !isOwn(declaration) || isHidden(declaration)) continue;
    found.add(member.name);
    seen(checker.getTypeOfSymbol(member), known, found);
  }
  for (const call of type.getCallSignatures()) {
    for (const parameter of call.parameters) seen(checker.getTypeOfSymbol(parameter), known, found);
    seen(call.getReturnType(), known, found);
  }
}

describe("a member with a short name is", () => {
  it("nothing that an entry point exports", () => {
    const found = new Set<string>();
    for (const source of sources.filter(({ fileName }) => fileName.endsWith("/index.ts"))) {
      const module = checker.getSymbolAtLocation(source) as ts.Symbol;
      for (const exported of checker.getExportsOfModule(module)) {
        const isAlias = exported.flags & ts.SymbolFlags.Alias;
        const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
        seen(checker.getDeclaredTypeOfSymbol(symbol), found, found);
        seen(checker.getTypeOfSymbol(symbol), found, found);
      }
    }
    expect(found.size).toBeGreaterThan(100);
    expect(INTERNAL.filter((name) => found.has(name))).toEqual([]);
  });

  it("no word of the protocol", () => {
    const words = new Set<string>();
    const generated = program.getSourceFiles().filter(({ fileName }) => fileName.includes("/generated/"));
    for (const node of within(generated)) if (ts.isPropertySignature(node)) words.add(node.name.getText());
    expect(words.size).toBeGreaterThan(50);
    expect(INTERNAL.filter((name) => words.has(name))).toEqual([]);
  });

  it("the package itself declares each name that it uses", () => {
    const uses = [...within(sources)].map(used).filter((symbol) => symbol !== undefined);
    expect(uses.length).toBeGreaterThan(200);
    const foreign = uses.filter(({ declarations = [] }) => !declarations.every(isOwn));
    expect(foreign.map(({ name }) => name)).toEqual([]);
  });
});
