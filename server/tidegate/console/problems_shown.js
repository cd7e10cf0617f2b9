// What is wrong with a field, shown beside it, and the mark of a field that may not be left out.

import { element } from "./dom.js";

export function requiredMark() {
  return element("span", { className: "required", textContent: "required" });
}

export function problemOf(name) {
  return element(name, { className: "problem", hidden: true });
}

export function show(problem, message, pointer = "") {
  problem.hidden = false;
  const where = pointer && element("code", { textContent: pointer });
  problem.append(element("span", {}, message, " ", where || ""));
}

export function hide(problem) {
  problem.hidden = true;
  problem.replaceChildren();
}
