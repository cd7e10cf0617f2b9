// The fields of an object's properties: each problem goes to the field that its pointer names.
// A field has `line` (its element), `read()`, `complain(steps, message, pointer)`, `clear()` and `reset()`.

import { resolved } from "./fields.js";

/** What `read` throws for text that is no JSON; the field says so. */
export const UNREADABLE = new SyntaxError("a field has text that is no JSON");

/** What a value has under this name: undefined also for what all objects inherit, and where the value is no object. */
export function own(value, name) {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The fields of an object's properties, without a frame. */
export class Parts {
  #fields = new Map();

  /** `make`: makes a field, as `fieldFor` does. `options(name, found)`: what it gets besides, for one property. */
  constructor(properties, definitions, make, options) {
    for (const [name, sub] of properties) {
      const found = resolved(sub, definitions);
      this.#fields.set(name, make(name, found, definitions, options(name, found)));
    }
  }

  get lines() {
    return [...this.#fields.values()].map(({ line }) => line);
  }

  read() {
    const found = Object.create(null); // a property may be called __proto__
    for (const [name, field] of this.#fields) {
      const value = field.read();
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  /** Show a problem at the field that the first step names; returns whether there is one. */
  complain([step, ...steps], message, pointer) {
    const field = this.#fields.get(step);
    field?.complain(steps, message, pointer);
    return field !== undefined;
  }

  clear() {
    for (const field of this.#fields.values()) field.clear();
  }

  reset() {
    for (const field of this.#fields.values()) field.reset();
  }
}

/** The fields of an object within a form. An empty input leaves its property out, unless null was there before. */
export function partsOf(schema, definitions, make, { required, value, depth }) {
  return new Parts(Object.entries(schema.properties), definitions, make, (name) => ({
    required: required && (schema.required ?? []).includes(name),
    value: own(value, name),
    editing: own(value, name) === null,
    depth: depth + 1,
  }));
}
