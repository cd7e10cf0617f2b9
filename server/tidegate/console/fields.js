// One input for one value of a schema: which kind fits, what it shows at first, and what value it stands for.
// `read` gives undefined for "leave it out". The gateway judges values; an input only helps to write one that fits.

import { element } from "./dom.js";

const LONG = 200;

/** The schema with the references at its top followed, and whether null is allowed. */
export function resolved(schema, definitions, depth = 0) {
  let { $ref, ...found } = typeof schema === "object" ? schema : {};
  if ($ref !== undefined && depth < 20) {
    const target = resolved(definitions[decodeURIComponent($ref.slice("#/$defs/".length))], definitions, depth + 1);
    found = { ...target.schema, ...found };
  }
  let nullable = [found.type].flat().includes("null") || (found.enum?.includes(null) ?? false);
  if (!("type" in found || "enum" in found || "const" in found)) nullable = true;
  const choices = found.anyOf ?? found.oneOf;
  if (choices?.length === 2 && choices.some(({ type }) => type === "null")) {
    const { anyOf, oneOf, ...rest } = found;
    const other = resolved(
      choices.find(({ type }) => type !== "null"),
      definitions,
      depth + 1,
    );
    found = { ...rest, ...other.schema };
    nullable = true;
  }
  const types = [found.type ?? []].flat().filter((type) => type !== "null");
  return { schema: { ...found, type: types.length === 1 ? types[0] : undefined }, nullable };
}

/**
 * An input for a value of `schema` (as `resolved` gives it): {input, read}. `required`: the value may not be left out.
 * `value` is shown at first. `editing`: an empty input means null rather than "leave it out". `secret` text is not readable.
 */
export function inputFor({ schema, nullable }, { required, value, editing, secret }) {
  const empty = editing && nullable ? null : undefined;
  if ("const" in schema) return fixed(schema.const, required, empty);
  if (schema.enum)
    return choice(
      schema.enum.filter((item) => item !== null),
      required && !nullable,
      value,
      empty,
    );
  if (schema.type === "boolean") {
    return required && !nullable ? checkbox(value) : choice([true, false], false, value, empty);
  }
  if (schema.type === "integer" || schema.type === "number") return number(schema, required && !nullable, value, empty);
  if (schema.type === "string") return text(schema, required && !nullable, value, empty, secret);
  return json(schema, required, value, empty);
}

function fixed(constant, required, empty) {
  return choice([constant], required, required ? constant : undefined, empty);
}

function choice(values, required, value, empty) {
  const options = values.map((item, index) => element("option", { value: String(index), textContent: String(item) }));
  const blank = element("option", { value: "", textContent: "–" });
  const input = element("select", { required }, ...(required && value !== undefined ? [] : [blank]), ...options);
  input.value = String(values.indexOf(value));
  if (input.selectedIndex < 0) input.selectedIndex = 0;
  return { input, read: () => (input.value === "" ? empty : values[Number(input.value)]) };
}

function checkbox(value) {
  const input = element("input", { type: "checkbox", checked: value === true });
  return { input, read: () => input.checked };
}

function number(schema, required, value, empty) {
  const step = schema.multipleOf ?? (schema.type === "integer" ? 1 : "any");
  const given = { type: "number", step: String(step), required, value: value ?? "" };
  for (const [word, name] of [
    ["min", "minimum"],
    ["max", "maximum"],
  ]) {
    if (Math.abs(schema[name]) < Number.MAX_SAFE_INTEGER) given[word] = String(schema[name]);
  }
  const input = element("input", given);
  return { input, read: () => (input.value === "" ? empty : Number(input.value)) };
}

function text(schema, required, value, empty, secret) {
  if (schema.format === "date-time") return moment(required, value, empty);
  const types = { date: "date", email: "email", uri: "url" };
  const type = secret ? "password" : (types[schema.format] ?? "text");
  const long = type === "text" && !(schema.maxLength <= LONG || schema.format || schema.pattern);
  const limits = schema.maxLength && type !== "date" ? { maxLength: schema.maxLength } : {};
  const given = {
    required: required && schema.minLength !== 0,
    value: value ?? "",
    autocomplete: type === "password" ? "new-password" : "off",
    ...limits,
  };
  const input = long ? element("textarea", { ...given, rows: 2 }) : element("input", { ...given, type });
  const blank = required ? "" : empty;
  return { input, read: () => (input.value === "" ? blank : input.value) };
}

/** A moment is shown and typed in the time zone of the browser, and sent in UTC. */
function moment(required, value, empty) {
  const at = value ? new Date(value) : undefined;
  const local = at && new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  const input = element("input", { type: "datetime-local", step: "1", required, value: local ?? "" });
  return { input, read: () => (input.value === "" ? empty : new Date(input.value).toISOString()) };
}

/** Anything with a shape that has no input: JSON text. `read` throws a SyntaxError for what is none. */
function json(schema, required, value, empty) {
  const example = { array: "[]", object: "{}" }[schema.type] ?? 'JSON, such as {"text": "Hello"} or 7';
  const shown = value === undefined || value === null ? "" : JSON.stringify(value);
  const input = element("textarea", {
    required,
    rows: 2,
    spellcheck: false,
    className: "json",
    placeholder: example,
    value: shown,
  });
  return { input, read: () => (input.value.trim() === "" ? empty : JSON.parse(input.value)) };
}
