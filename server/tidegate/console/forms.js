// A form made of a schema: an input for each property, and what the gateway has against a value beside its input.

import { element } from "./dom.js";
import { resolved } from "./fields.js";
import { fieldFor } from "./inputs.js";
import { own, Parts, UNREADABLE } from "./parts.js";
import { hide, show } from "./problems_shown.js";

export class Form {
  #parts;
  #whole;
  #status = element("p", { className: "problem", role: "alert", hidden: true });
  #act;
  #base;
  #before;

  /**
   * `act(value)` sends what was typed; what it rejects with is shown. `base` is the pointer of the value in the message.
   * `values` are shown at first; `secret` names properties that are never shown. `editing`: only what was changed is
   * handed to `act`.
   */
  constructor(schema, definitions, { act, submit, base = "/data", values = {}, secret = [], editing = false }) {
    this.#act = act;
    this.#base = base;
    const found = resolved(schema, definitions);
    const { properties, additionalProperties, required = [] } = found.schema;
    const entries = Object.entries(properties ?? {});
    // Without properties the value is written as a whole, unless there is nothing to write.
    if (entries.length === 0 && !(properties && additionalProperties === false))
      this.#whole = fieldFor("", found, definitions, { required: true, marked: !editing, editing });
    else
      this.#parts = new Parts(entries, definitions, fieldFor, (name, { nullable }) => {
        const needed = editing ? !nullable && !secret.includes(name) : required.includes(name);
        const marked = needed && !editing;
        return { required: needed, marked, value: own(values, name), editing, secret: secret.includes(name) };
      });
    if (editing) this.#before = this.#texts();
    const button = element("button", { textContent: submit });
    const lines = this.#whole ? [this.#whole.line] : this.#parts.lines;
    const actions = element("div", { className: "submit" }, button);
    const single = lines.length === 1 && lines[0].tagName === "DIV";
    const shape = lines.length === 0 || single ? "fields single" : "fields";
    this.element = element("form", { className: shape }, ...lines, this.#status, actions);
    if (single) this.element.onkeydown = (event) => sendOnEnter(event, this.element);
    this.element.onsubmit = (event) => this.#submit(event, button);
  }

  get #top() {
    return this.#whole ?? this.#parts;
  }

  /** Empty the inputs, as they were at first. */
  reset() {
    this.element.reset();
    this.#top.reset();
  }

  async #submit(event, button) {
    event.preventDefault();
    this.#clear();
    let value;
    try {
      value = this.#value();
    } catch (error) {
      if (error !== UNREADABLE) throw error;
      return;
    }
    button.disabled = true;
    try {
      await this.#act(value);
    } catch (error) {
      this.#show(error);
    } finally {
      button.disabled = false;
      this.#refocus(button);
    }
  }

  /** What was typed; when editing, of that what was changed. */
  #value() {
    const found = this.#top.read();
    if (this.#before === undefined) return found;
    return Object.fromEntries(Object.entries(found).filter(([name, value]) => this.#before.get(name) !== text(value)));
  }

  /** A button that is disabled loses the focus: give it to the first input with a problem, or back to the button. */
  #refocus(button) {
    const wrong = this.element.querySelector('[aria-invalid="true"]');
    if (wrong) wrong.focus();
    else if (document.activeElement === document.body && this.element.isConnected) button.focus();
  }

  #texts() {
    return new Map(Object.entries(this.#top.read()).map(([name, value]) => [name, text(value)]));
  }

  #show(error) {
    for (const { pointer, message } of error.violations ?? [{ pointer: "", message: error.message }]) {
      const inside = pointer === this.#base || pointer.startsWith(`${this.#base}/`);
      const steps = pointer
        .slice(this.#base.length + 1)
        .split("/")
        .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
      if (inside && this.#whole) this.#whole.complain(steps, message, pointer);
      else if (!inside || !this.#parts.complain(steps, message, pointer)) show(this.#status, message, pointer);
    }
  }

  #clear() {
    hide(this.#status);
    this.#top.clear();
  }
}

function text(value) {
  return JSON.stringify(value);
}

/** In a form of one text, Enter sends and Shift with Enter begins a new line. */
function sendOnEnter(event, form) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  form.requestSubmit();
}
