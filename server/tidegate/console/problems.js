// What the gateway has against one input, said beside it: in red, for screen readers too, and until the next try.

import { element } from "./dom.js";

let made = 0;

/** A line for the problems of `input`. */
export function problemLine(input) {
  const line = element("span", { className: "problem", id: `problem-${++made}`, role: "alert", hidden: true });
  input.setAttribute("aria-describedby", line.id);
  return line;
}

export function complain(line, message, input) {
  line.hidden = false;
  line.append(element("span", { textContent: message }));
  input.setAttribute("aria-invalid", "true");
}

/** Take the problems back. */
export function soften(line, input) {
  line.hidden = true;
  line.replaceChildren();
  input.removeAttribute("aria-invalid");
}

/** The steps of a JSON pointer (RFC 6901). */
export function steps(pointer) {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
