// Fields of values that have parts: a frame of fields for an object, a list for an array, a choice for one of several forms.
// `make` makes the fields of the parts, as `fieldFor` does.

import { element } from "./dom.js";
import { resolved } from "./fields.js";
import { partsOf, UNREADABLE } from "./parts.js";
import { hide, problemOf, requiredMark, show } from "./problems_shown.js";
import { fits } from "./shapes.js";

/** What frames, lists and choices have: a fieldset with a legend, and a line for problems. */
class Fieldset {
  #problem = problemOf("p");

  constructor({ name, schema, required, marked = required }) {
    const legend = element("legend", {}, String(name));
    if (marked) legend.append(requiredMark());
    const about = schema.description ? element("small", { textContent: schema.description }) : "";
    this.line = element("fieldset", { className: "part", tabIndex: -1 }, legend, about, this.#problem);
  }

  complain(_steps, message, pointer) {
    show(this.#problem, message, pointer);
    this.line.setAttribute("aria-invalid", "true");
  }

  clear() {
    hide(this.#problem);
    this.line.removeAttribute("aria-invalid");
  }
}

/** What an object or a list without parts stands for; undefined leaves it out. */
function emptyValue(isNull, required, empty) {
  if (isNull) return null;
  return required ? empty : undefined;
}

export class Frame extends Fieldset {
  #parts;
  #empty;

  constructor(about) {
    super(about);
    const { schema, nullable, definitions, make, required, editing, value, depth } = about;
    const mayBeNull = editing && nullable;
    this.#empty = emptyValue(mayBeNull, required, {});
    this.#parts = partsOf(schema, definitions, make, { required: required && !mayBeNull, value, depth });
    this.line.append(element("div", { className: "fields" }, ...this.#parts.lines));
  }

  read() {
    const found = this.#parts.read();
    return Object.keys(found).length ? found : this.#empty;
  }

  complain(steps, message, pointer) {
    if (!this.#parts.complain(steps, message, pointer)) super.complain(steps, message, pointer);
  }

  clear() {
    super.clear();
    this.#parts.clear();
  }

  reset() {
    this.#parts.reset();
  }
}

export class List extends Fieldset {
  #about;
  #items = [];
  #list = element("ol", { className: "items" });
  #empty;

  constructor(about) {
    super(about);
    const { name, nullable, required, editing, value } = about;
    this.#about = about;
    this.#empty = Array.isArray(value) ? [] : emptyValue(editing && nullable, required, []);
    const text = { type: "button", className: "quiet small", textContent: "Add", "aria-label": `Add to ${name}` };
    const add = element("button", { ...text, onclick: () => this.#add(undefined, true) });
    this.line.append(this.#list, add);
    this.reset();
  }

  #add(value, focus = false) {
    const { schema, definitions, make, name, depth } = this.#about;
    const options = { required: true, marked: false, value, depth: depth + 1, editing: value === null };
    const number = this.#items.length + 1;
    const field = make(`${name} ${number}`, resolved(schema.items, definitions), definitions, options);
    const label = { type: "button", className: "quiet small", textContent: "Remove" };
    const item = { field, line: element("li", {}, field.line, element("button", { ...label, onclick: () => this.#remove(item) })) };
    item.line.lastChild.setAttribute("aria-label", `Remove ${name} ${number}`);
    this.#items.push(item);
    this.#list.append(item.line);
    if (focus) item.line.querySelector("input, select, textarea, button").focus();
  }

  /**
   * The items after it get other numbers, so they are made again from their values. With a value that cannot be read, of
   * which its field says so, they all stay.
   */
  #remove(item) {
    const at = this.#items.indexOf(item);
    this.clear();
    let values;
    try {
      values = this.#items.slice(at + 1).map(({ field }) => field.read());
    } catch (error) {
      if (error !== UNREADABLE) throw error;
      return;
    }
    for (const { line } of this.#items.splice(at)) line.remove();
    for (const value of values) this.#add(value);
    (this.#items[at]?.line.querySelector("input, select, textarea") ?? this.line.lastChild).focus();
  }

  read() {
    return this.#items.length ? this.#items.map(({ field }) => field.read()) : this.#empty;
  }

  complain([step, ...steps], message, pointer) {
    const item = this.#items[step];
    if (item) item.field.complain(steps, message, pointer);
    else super.complain([], message, pointer);
  }

  clear() {
    super.clear();
    for (const { field } of this.#items) field.clear();
  }

  reset() {
    this.#items = [];
    this.#list.replaceChildren();
    for (const each of Array.isArray(this.#about.value) ? this.#about.value : []) this.#add(each);
  }
}

export class Choice extends Fieldset {
  #forms;
  #about;
  #select;
  #place = element("div", { className: "fields" });
  #parts;
  #first;
  #empty;

  constructor(about, forms) {
    super(about);
    const { name, nullable, definitions, required, editing, value } = about;
    this.#forms = forms;
    this.#about = about;
    const mayBeNull = editing && nullable;
    this.#empty = mayBeNull ? null : undefined;
    const options = forms.map((form, index) => element("option", { value: String(index), textContent: form.name }));
    const blank = element("option", { value: "", textContent: "–" });
    this.#select = element("select", { required: required && !mayBeNull, "aria-label": `Form of ${name}` }, blank, ...options);
    this.#select.onchange = () => this.#choose(this.#select.value);
    this.#first = { value, index: value ? forms.findIndex(({ schema }) => fits(schema, value, definitions)) : -1 };
    this.line.append(this.#select, this.#place);
    this.reset();
  }

  #choose(index, value) {
    this.#select.value = index;
    const form = this.#forms[index];
    const { definitions, make, depth } = this.#about;
    this.#parts = form && partsOf(form.schema, definitions, make, { required: true, value, depth });
    this.#place.replaceChildren(...(this.#parts?.lines ?? []));
  }

  read() {
    return this.#parts?.read() ?? this.#empty;
  }

  complain(steps, message, pointer) {
    if (!this.#parts?.complain(steps, message, pointer)) super.complain(steps, message, pointer);
  }

  clear() {
    super.clear();
    this.#parts?.clear();
  }

  reset() {
    this.#choose(this.#first.index < 0 ? "" : String(this.#first.index), this.#first.value);
  }
}
