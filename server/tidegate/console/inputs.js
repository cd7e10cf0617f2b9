// The field of a value by its shape. A shape that has no fields is one input, or text in JSON.

import { element } from "./dom.js";
import { inputFor } from "./fields.js";
import { Choice, Frame, List } from "./frames.js";
import { UNREADABLE } from "./parts.js";
import { hide, problemOf, requiredMark, show } from "./problems_shown.js";
import { alternatives, isFrame, isList } from "./shapes.js";

const DEEPEST = 5;
let made = 0;

/**
 * The field of a value. `schema` and `nullable` as `resolved` gives them. `required`: it may not be left out.
 * `marked`: its label says so. `editing`: an empty input means null rather than "leave it out".
 */
export function fieldFor(name, found, definitions, options) {
  return keeping(options.value, fieldOf(name, found, definitions, options));
}

/**
 * The same field, which reads `given` until its user changes something: an input shows no parts of a second and one line of
 * a text, and a value may be older than its schema.
 */
function keeping(given, field) {
  if (given === undefined || given === null) return field;
  const read = field.read.bind(field);
  const shown = JSON.stringify(read());
  field.read = () => {
    const found = read();
    return JSON.stringify(found) === shown ? given : found;
  };
  return field;
}

function fieldOf(name, { schema, nullable }, definitions, options) {
  const { depth = 0 } = options;
  const about = { name, schema, nullable, definitions, ...options, depth, make: fieldFor };
  if (depth < DEEPEST && !options.secret) {
    if (isFrame(schema)) return new Frame(about);
    if (isList(schema)) return new List(about);
    const forms = alternatives(schema, definitions);
    if (forms) return new Choice(about, forms);
  }
  return new Plain(about);
}

class Plain {
  #input;
  #read;
  #problem;

  constructor({ name, schema, nullable, required, marked = required, value, editing, secret }) {
    const id = `field-${++made}`;
    // A yes-or-no with a default is a checkbox in the state of the default, though it may be left out.
    const needed = required || typeof value === "boolean";
    const { input, read } = inputFor({ schema, nullable }, { required: needed, value, editing, secret });
    this.#input = input;
    this.#read = read;
    input.id = id;
    input.setAttribute("aria-describedby", `${id}-about`);
    const label = element("label", { htmlFor: id }, name || "value");
    if (marked && input.type !== "checkbox") label.append(requiredMark());
    const zone = schema.format === "date-time" ? " In the time zone of this browser." : "";
    this.#problem = problemOf("span");
    const about = element("small", { id: `${id}-about` }, `${schema.description ?? ""}${zone}`, this.#problem);
    const className = input.type === "checkbox" ? "field check" : "field";
    this.line = element("div", { className }, label, input, about);
  }

  read() {
    try {
      return this.#read();
    } catch (error) {
      this.complain([], `This is no JSON: ${error.message}`);
      throw UNREADABLE;
    }
  }

  complain(_steps, message, pointer) {
    show(this.#problem, message, pointer);
    this.#input.setAttribute("aria-invalid", "true");
  }

  clear() {
    hide(this.#problem);
    this.#input.removeAttribute("aria-invalid");
  }

  reset() {} // the form does it
}
