// schema/examples as Ajv reads them: a validator in another language must refuse the same messages as the gateway.
//
// tests/contract/test_examples.py holds the gateway to the same files; schema/README.md describes them.

import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";

interface Invalid {
  why: string;
  message: unknown;
  pointer: string | null;
  keyword: string | null;
  code: string | null;
  by: "message" | "application" | "gateway";
}

interface Bundle {
  $defs: Record<string, object>;
  "x-tidegate": { definitions: Record<string, { file: string }> };
}

const ROOT = new URL("../../../", import.meta.url);
const EXAMPLES = new URL("schema/examples/", ROOT);
const BUNDLE = JSON.parse(readFileSync(new URL("generated/schema/bundle.json", ROOT), "utf8")) as Bundle;

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false });
formats.default(ajv);
ajv.addVocabulary(["x-tidegate", "x-reply", "x-room", "x-resource", "x-access", "x-errors", "x-closes"]);
ajv.addSchema(BUNDLE, "bundle");

function files(folder: "valid" | "invalid"): string[] {
  const found = readdirSync(new URL(folder, EXAMPLES), { recursive: true, encoding: "utf8" });
  return found.filter((name) => name.endsWith(".json")).sort();
}

function example(folder: "valid" | "invalid", name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${folder}/${name}`, EXAMPLES), "utf8"));
}

/** `client.join` of client.join/least.json. */
function kindOf(name: string): string {
  return name.split("/")[0] as string;
}

/** What examples there must be, and what defines each: client/join.schema.json is `client.join`. */
const FOLDERS: Record<string, string> = { client: "client", server: "server", resources: "resource", rooms: "room" };
const DEFINITIONS = new Map<string, string>();
for (const [definition, { file }] of Object.entries(BUNDLE["x-tidegate"].definitions)) {
  const [folder = "", name = ""] = file.split("/");
  if (folder in FOLDERS) DEFINITIONS.set(`${FOLDERS[folder]}.${name.replace(".schema.json", "")}`, definition);
}

function validator(kind: string): ValidateFunction {
  const found = ajv.getSchema(`bundle#/$defs/${DEFINITIONS.get(kind)}`);
  if (!found) throw new Error(`the bundle has no ${kind}`);
  return found;
}

/** The pointer of an unexpected property is the property's. */
function place(error: ErrorObject): string {
  if (error.keyword !== "additionalProperties") return error.instancePath;
  const name = error.params.additionalProperty as string;
  return `${error.instancePath}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

const VALID = files("valid");
const INVALID = files("invalid").map((name) => ({ name, ...(example("invalid", name) as Invalid) }));
const BY_MESSAGE = INVALID.filter(({ by }) => by === "message");
const BY_APPLICATION = INVALID.filter(({ by }) => by === "application");

describe("examples", () => {
  it("exist for every message, resource and room", () => {
    const kinds = [...DEFINITIONS.keys()];
    expect(kinds.length).toBeGreaterThan(30);
    const valid = new Set(VALID.map(kindOf));
    const invalid = new Set(INVALID.map(({ name }) => kindOf(name)));
    expect(kinds.filter((kind) => !valid.has(kind))).toEqual([]);
    // There is nothing that may not be said in a room of any kind.
    expect(kinds.filter((kind) => !invalid.has(kind))).toEqual(["room.any"]);
    expect(BY_APPLICATION.length).toBeGreaterThan(0);
  });

  it("say why, and name a place where a schema refuses them", () => {
    const silent = INVALID.filter(({ why }) => !why);
    const placeless = BY_MESSAGE.filter(({ pointer, keyword }) => pointer === null || keyword === null);
    expect([...silent, ...placeless].map(({ name }) => name)).toEqual([]);
  });

  it.each(VALID)("accepts %s", (name) => {
    const validate = validator(kindOf(name));
    validate(example("valid", name));
    expect(validate.errors ?? []).toEqual([]);
  });

  it.each(BY_MESSAGE)("refuses $name at the place and for the reason that it names", (refused) => {
    const validate = validator(kindOf(refused.name));
    expect(validate(refused.message)).toBe(false);
    expect((validate.errors ?? []).map((error) => `${place(error)} ${error.keyword}`)).toContain(
      `${refused.pointer} ${refused.keyword}`,
    );
  });

  it.each(BY_APPLICATION)("leaves $name to the application's schemas", ({ name, message }) => {
    expect(validator(kindOf(name))(message)).toBe(true);
  });
});
