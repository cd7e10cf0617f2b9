// The builder of a filter: conditions on properties, and groups of them of which all or any hold.
// Which operators a property has, and what each compares with, comes from the filter schema of the resource.

import { element, fillSelect } from "./dom.js";
import { inputFor, resolved } from "./fields.js";
import { complain, problemLine, soften } from "./problems.js";

const DEEPEST = 3;

export class FilterGroup {
  #operands;
  #definitions;
  #how = element("select", { "aria-label": "How the conditions of this group combine" });
  #items = element("ul", { className: "conditions" });
  #parts = new Map();
  #read = [];

  /** `operands`: by property and operator, the schema of the value to compare with. */
  constructor(operands, definitions, depth = 1) {
    this.#operands = operands;
    this.#definitions = definitions;
    fillSelect(this.#how, ["and", "or"], "and");
    for (const option of this.#how.options) option.textContent = option.value === "and" ? "all of" : "any of";
    const add = (text, make) =>
      element("button", {
        type: "button",
        className: "quiet small",
        textContent: text,
        onclick: () => this.#add(make()),
      });
    const nested = add("Add group", () => new FilterGroup(operands, definitions, depth + 1));
    const buttons = [add("Add condition", () => this.#condition()), ...(depth < DEEPEST ? [nested] : [])];
    this.element = element(
      "div",
      { className: "group", role: "group", "aria-label": "Conditions" },
      element("div", { className: "tools" }, this.#how, ...buttons),
      this.#items,
    );
  }

  /** The filter as messages have it; undefined where there is no condition. Throws a SyntaxError for text that is no JSON. */
  read() {
    const read = [...this.#parts.values()].map((part) => ({ part, value: part.read() }));
    this.#read = read.filter(({ value }) => value !== undefined);
    const found = this.#read.map(({ value }) => value);
    return found.length < 2 ? found[0] : { [this.#how.value]: found };
  }

  /** Show an error at the condition that `steps` lead to, in the filter that was read last; returns whether there is one. */
  complain(steps, message) {
    if (this.#read.length === 1) return this.#read[0].part.complain(steps, message);
    return this.#read[Number(steps[1])]?.part.complain(steps.slice(2), message) ?? false;
  }

  #add(part) {
    const remove = element("button", {
      type: "button",
      className: "quiet small",
      textContent: "Remove",
      onclick: () => {
        this.#parts.delete(line);
        line.remove();
      },
    });
    const line = element("li", {}, part.element, remove);
    this.#parts.set(line, part);
    this.#items.append(line);
    line.querySelector("select")?.focus();
  }

  #condition() {
    const property = element("select", { "aria-label": "Property" });
    const operator = element("select", { "aria-label": "Operator" });
    const place = element("span", { className: "operand" });
    let made;
    let problem;
    const showValue = () => {
      const found = resolved(this.#operands[property.value][operator.value], this.#definitions);
      made = inputFor(found, { required: true });
      made.input.setAttribute("aria-label", "Value");
      problem = problemLine(made.input);
      place.replaceChildren(made.input, problem);
    };
    const showOperators = () => {
      const names = Object.keys(this.#operands[property.value]);
      fillSelect(operator, names, names[0]);
      showValue();
    };
    property.onchange = showOperators;
    operator.onchange = showValue;
    const names = Object.keys(this.#operands);
    fillSelect(property, names, names[0]);
    showOperators();
    return {
      element: element("div", { className: "condition" }, property, operator, place),
      read: () => {
        soften(problem, made.input);
        try {
          return { [property.value]: { [operator.value]: made.read() } };
        } catch (error) {
          complain(problem, `This is no JSON: ${error.message}`, made.input);
          throw error;
        }
      },
      complain: (_, message) => {
        complain(problem, message, made.input);
        return true;
      },
    };
  }
}
