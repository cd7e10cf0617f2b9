// A form made of a schema: an input for each property, and what the gateway has against a value beside its input.

import { element } from "./dom.js";
import { inputFor, resolved } from "./fields.js";

let made = 0;

export class Form {
  #fields = new Map();
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
    const { schema: top } = resolved(schema, definitions);
    const parts = Object.entries(top.properties ?? {});
    // Without properties the value is written as a whole, unless there is nothing to write.
    this.#whole = parts.length === 0 && !(top.properties && top.additionalProperties === false);
    if (this.#whole) parts.push(["", schema]);
    for (const [name, sub] of parts) {
      const found = resolved(sub, definitions);
      const isSecret = secret.includes(name);
      const needed = editing ? !found.nullable && !isSecret : this.#whole || (top.required ?? []).includes(name);
      this.#fields.set(
        name,
        this.#field(name, found, { required: needed, value: values[name], editing, secret: isSecret }),
      );
    }
    if (editing) this.#before = this.#texts();
    const button = element("button", { textContent: submit });
    const lines = [...this.#fields.values()].map(({ line }) => line);
    const actions = element("div", { className: "submit" }, button);
    const shape = lines.length > 1 ? "fields" : "fields single";
    this.element = element("form", { className: shape }, ...lines, this.#status, actions);
    if (lines.length === 1) this.element.onkeydown = (event) => sendOnEnter(event, this.element);
    this.element.onsubmit = (event) => this.#submit(event, button);
  }

  /** Empty the inputs, as they were at first. */
  reset() {
    this.element.reset();
  }

  #field(name, found, { required, value, editing, secret }) {
    const id = `field-${++made}`;
    // A yes-or-no with a default is a checkbox in the state of the default, though it may be left out.
    const needed = required || typeof value === "boolean";
    const { input, read } = inputFor(found, { required: needed, value, editing, secret });
    input.id = id;
    input.setAttribute("aria-describedby", `${id}-about`);
    const mark = required && !editing && input.type !== "checkbox";
    const label = element("label", { htmlFor: id }, name || "value");
    if (mark) label.append(element("span", { className: "required", textContent: "required" }));
    const zone = found.schema.format === "date-time" ? " In the time zone of this browser." : "";
    const problem = element("span", { className: "problem", hidden: true });
    const about = element("small", { id: `${id}-about` }, `${found.schema.description ?? ""}${zone}`, problem);
    const line = element(
      "div",
      { className: input.type === "checkbox" ? "field check" : "field" },
      label,
      input,
      about,
    );
    return { line, input, read, problem };
  }

  async #submit(event, button) {
    event.preventDefault();
    this.#clear();
    const value = this.#value();
    if (value === undefined) return;
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

  /** What was typed; undefined if some of it is no JSON. */
  #value() {
    const found = Object.create(null); // a property may be called __proto__
    for (const [name, { input, read }] of this.#fields) {
      try {
        const value = read();
        if (value !== undefined && (this.#before === undefined || this.#before.get(name) !== text(input)))
          found[name] = value;
      } catch (error) {
        this.#complain(name, `This is no JSON: ${error.message}`);
        return undefined;
      }
    }
    return this.#whole ? found[""] : found;
  }

  /** A button that is disabled loses the focus: give it to the first input with a problem, or back to the button. */
  #refocus(button) {
    const wrong = this.element.querySelector('[aria-invalid="true"]');
    if (wrong) wrong.focus();
    else if (document.activeElement === document.body && this.element.isConnected) button.focus();
  }

  #texts() {
    return new Map([...this.#fields].map(([name, { input }]) => [name, text(input)]));
  }

  #show(error) {
    for (const { pointer, message } of error.violations ?? [{ pointer: "", message: error.message }]) {
      const inside = pointer === this.#base || pointer.startsWith(`${this.#base}/`);
      const step = pointer
        .slice(this.#base.length + 1)
        .split("/")[0]
        .replaceAll("~1", "/")
        .replaceAll("~0", "~");
      this.#complain(inside ? (this.#whole ? "" : step) : undefined, message, pointer);
    }
  }

  #complain(name, message, pointer = "") {
    const { problem, input } = this.#fields.get(name) ?? { problem: this.#status };
    problem.hidden = false;
    const where = pointer && element("code", { textContent: pointer });
    problem.append(element("span", {}, message, " ", where || ""));
    input?.setAttribute("aria-invalid", "true");
  }

  #clear() {
    for (const { problem, input } of [...this.#fields.values(), { problem: this.#status }]) {
      problem.hidden = true;
      problem.replaceChildren();
      input?.removeAttribute("aria-invalid");
    }
  }
}

function text(input) {
  return input.type === "checkbox" ? String(input.checked) : input.value;
}

/** In a form of one text, Enter sends and Shift with Enter begins a new line. */
function sendOnEnter(event, form) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  form.requestSubmit();
}
