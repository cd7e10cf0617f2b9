// The builder of an order: properties of a resource, each ascending or descending, the first before the second.

import { element, fillSelect } from "./dom.js";
import { complain, problemLine, soften } from "./problems.js";

const MOST = 8;

export class SortTerms {
  #names;
  #items = element("ol", { className: "conditions" });
  #terms = new Map();
  #read = [];
  #add;

  /** `names` of the properties to sort by. */
  constructor(names) {
    this.#names = names;
    this.#add = element("button", {
      type: "button",
      className: "quiet small",
      textContent: "Add property",
      onclick: () => this.#append(),
    });
    this.element = element(
      "div",
      { className: "group", role: "group", "aria-label": "Order" },
      element("div", { className: "tools" }, this.#add),
      this.#items,
    );
  }

  /** The order as messages have it; undefined for the order of the key. */
  read() {
    this.#read = [...this.#terms.values()];
    for (const { problem, field } of this.#read) soften(problem, field);
    const found = this.#read.map(({ field, order }) => ({ field: field.value, order: order.value }));
    return found.length ? found : undefined;
  }

  /** Show an error at the term that `steps` (after `/sort`) lead to; returns whether there is one. */
  complain([index], message) {
    const term = this.#read[Number(index)];
    if (term === undefined) return false;
    complain(term.problem, message, term.field);
    return true;
  }

  #append() {
    const field = element("select", { "aria-label": "Property to sort by" });
    const order = element("select", { "aria-label": "Direction" });
    const taken = [...this.#terms.values()].map((term) => term.field.value);
    fillSelect(field, this.#names, this.#names.find((name) => !taken.includes(name)) ?? this.#names[0]);
    fillSelect(order, ["asc", "desc"], "asc");
    order.options[0].textContent = "ascending";
    order.options[1].textContent = "descending";
    const problem = problemLine(field);
    const remove = element("button", { type: "button", className: "quiet small", textContent: "Remove" });
    const row = element("div", { className: "condition" }, field, order, problem);
    const line = element("li", {}, row, remove);
    remove.onclick = () => {
      this.#terms.delete(line);
      line.remove();
      this.#add.disabled = false;
      this.#add.focus();
    };
    this.#terms.set(line, { field, order, problem });
    this.#items.append(line);
    this.#add.disabled = this.#terms.size >= MOST;
    field.focus();
  }
}
