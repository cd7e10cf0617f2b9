// The log of every message, without what is secret: tokens, and values that the schema says are write-only.

import { element } from "./dom.js";

const LINES = 200;
const HIDDEN = "•••";
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;

export class WireLog {
  #list;
  #secrets;

  /** `resources` are those of the application's document. */
  constructor(list, resources) {
    this.#list = list;
    this.#secrets = new Map(Object.entries(resources).map(([name, { secret }]) => [name, secret]));
  }

  /** `kind` is "out", "in" or "in error". */
  add(kind, text) {
    const time = new Date().toLocaleTimeString("en-GB");
    const direction = kind === "out" ? "sent" : "received";
    this.#list.prepend(
      element(
        "li",
        { className: kind },
        element("time", { textContent: time }),
        element("span", { className: "way", role: "img", "aria-label": direction }),
        element("code", { textContent: this.#redacted(text) }),
      ),
    );
    while (this.#list.childElementCount > LINES) this.#list.lastChild.remove();
  }

  /** The text as it was sent, unless something in it has to be hidden. */
  #redacted(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    const shown = message !== null && this.#hide(message) ? JSON.stringify(message) : text;
    return shown.replace(TOKEN, HIDDEN);
  }

  /** Whether there was something to hide. */
  #hide(message) {
    const places = [
      [message, "token"],
      [message, "identity"],
    ];
    const rows = [message.data].flat().filter((row) => row !== null && typeof row === "object");
    for (const name of this.#secrets.get(message.resource) ?? []) places.push(...rows.map((row) => [row, name]));
    const found = places.filter(([place, name]) => typeof place === "object" && name in place);
    for (const [place, name] of found) place[name] = HIDDEN;
    return found.length > 0;
  }
}
