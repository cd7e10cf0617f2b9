// Which shape a schema gives a value in a form: fields of an object, a list, or one of several forms.

import { resolved } from "./fields.js";

/** An object of which the properties are known. */
export function isFrame({ type, properties, additionalProperties, patternProperties }) {
  const closed = additionalProperties === false && !patternProperties;
  return type === "object" && closed && Object.keys(properties ?? {}).length > 0;
}

export function isList({ type, items, prefixItems }) {
  return type === "array" && typeof items === "object" && !prefixItems;
}

/** The forms of `oneOf` or `anyOf`, if each is an object with fields: [{name, schema}]. */
export function alternatives({ oneOf, anyOf, properties, type }, definitions) {
  const choices = oneOf ?? anyOf;
  if (!choices || properties || (type && type !== "object")) return undefined;
  const forms = choices.map((choice) => resolved(choice, definitions).schema);
  if (!forms.every(isFrame)) return undefined;
  return forms.map((schema, index) => ({ schema, name: nameOf(schema, index, definitions) }));
}

function nameOf({ title, properties }, index, definitions) {
  const constants = Object.values(properties).map((sub) => resolved(sub, definitions).schema.const);
  return title ?? constants.find((value) => value !== undefined) ?? `form ${index + 1}`;
}

/** Whether a value may be of this form: its constants are the same, it lacks nothing and has nothing else. */
export function fits({ properties, required = [] }, value, definitions) {
  if (typeof value !== "object") return false;
  const same = Object.entries(properties).every(([name, sub]) => {
    const { schema } = resolved(sub, definitions);
    return !("const" in schema) || value[name] === schema.const;
  });
  const known = Object.keys(value).every((name) => Object.hasOwn(properties, name));
  return same && known && required.every((name) => Object.hasOwn(value, name));
}
