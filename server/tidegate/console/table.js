// The table of live rows: a line for each row, in the order of the key, and a flash where something changed.
// It knows rows and columns, no messages. A change touches its own line alone, so that the focus stays where it is.

import { element } from "./dom.js";

const LONG = 160;
const MOMENT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/;

/** What identifies a row, as requests name it: one value, or an object of several. */
export function keyOf(key, row) {
  return key.length === 1 ? row[key[0]] : Object.fromEntries(key.map((name) => [name, row[name]]));
}

export class Table {
  #key;
  #columns;
  #numeric;
  #actions;
  #body = element("tbody");
  #lines = new Map();
  #late = new Map();
  #frame = 0;
  #editor;

  /** `actions(row)` gives the buttons at the end of a line. */
  constructor(root, { columns, key, references }, actions) {
    this.#key = key;
    this.#columns = [...key, ...Object.keys(columns).filter((name) => !key.includes(name))];
    this.#actions = actions;
    const isQuantity = (name, { type }) =>
      /^(integer|number)$/.test([type].flat()[0]) && !key.includes(name) && !references[name];
    const heads = this.#columns.map((name) => heading(name, columns[name], key.includes(name), references[name]));
    heads.push(
      element("th", { className: "actions" }, element("span", { className: "unseen", textContent: "actions" })),
    );
    root.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), this.#body);
    this.#numeric = this.#columns.map((name) => isQuantity(name, columns[name]));
    for (const [index, is] of this.#numeric.entries()) heads[index].classList.toggle("number", is);
  }

  get rows() {
    return [...this.#lines.values()].map(({ row }) => row);
  }

  /** Whether a row is being edited: its form must not vanish under the hands of the user. */
  get editing() {
    return this.#editor !== undefined;
  }

  /** Put `content` under the line of this row, in place of another one. */
  edit(row, content) {
    this.#editor?.remove();
    const cell = element("td", { colSpan: this.#columns.length + 1 }, content);
    this.#editor = element("tr", { className: "editor" }, cell);
    this.#editor.dataset.of = this.#name(row);
    this.#lines.get(this.#name(row))?.line.after(this.#editor);
    content.querySelector("input, select, textarea")?.focus();
  }

  /** Take the form away; the focus goes back to the button that opened it. `content`: only where it is this one. */
  endEdit(content) {
    if (content !== undefined && !this.#editor?.contains(content)) return;
    const of = this.#editor?.dataset.of;
    this.#editor?.remove();
    this.#editor = undefined;
    this.#lines.get(of)?.line.querySelector('[data-action="update"]')?.focus();
  }

  /** Show these rows and no others. */
  reset(rows) {
    this.#late.clear();
    this.#editor = undefined;
    this.#lines = new Map(rows.map((row) => [this.#name(row), { row, line: this.#line(row) }]));
    this.#body.replaceChildren(...[...this.#lines.values()].map(({ line }) => line));
  }

  has(row) {
    return this.#lines.has(this.#name(row)) || this.#late.has(this.#name(row));
  }

  /** Add or replace a row with the next frame: thousands of changes a second are drawn sixty times a second. */
  put(row) {
    this.#late.set(this.#name(row), row);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  remove(row) {
    const name = this.#name(row);
    this.#late.delete(name);
    if (this.#editor?.dataset.of === name) this.endEdit();
    this.#lines.get(name)?.line.remove();
    this.#lines.delete(name);
  }

  #draw() {
    this.#frame = 0;
    for (const [name, row] of this.#late) {
      const line = this.#line(row);
      line.classList.add("fresh");
      const known = this.#lines.get(name);
      const focus = known?.line.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
      if (known) known.line.replaceWith(line);
      else this.#body.insertBefore(line, this.#after(row));
      this.#lines.set(name, { row, line });
      if (focus) line.querySelector(`[data-action="${focus}"]`)?.focus();
    }
    this.#late.clear();
  }

  /** The line before which a new row stands. */
  #after(row) {
    const later = [...this.#lines.values()].filter((known) => this.#order(known.row, row) > 0);
    later.sort((one, other) => this.#order(one.row, other.row));
    return later[0]?.line ?? null;
  }

  #order(one, other) {
    for (const name of this.#key) if (one[name] !== other[name]) return one[name] < other[name] ? -1 : 1;
    return 0;
  }

  #name(row) {
    return JSON.stringify(this.#key.map((name) => row[name]));
  }

  #line(row) {
    const cells = this.#columns.map((name, index) => cell(row[name], this.#numeric[index]));
    return element("tr", { "data-key": this.#name(row) }, ...cells, element("td", { className: "actions" }, ...this.#actions(row)));
  }
}

function heading(name, schema, isKey, target) {
  const about = target ? `→ ${target}` : isKey ? "key" : schema.format === "date-time" ? "UTC" : "";
  const given = { scope: "col", className: isKey ? "key" : "", title: schema.description ?? "" };
  return element("th", given, name, about ? element("small", { textContent: about }) : "");
}

function cell(value, numeric) {
  if (value === null || value === undefined)
    return element("td", { className: numeric ? "nothing number" : "nothing" }, element("span", { textContent: "–", title: "null" }));
  if (typeof value === "boolean")
    return element("td", { className: value ? "yes" : "no", textContent: value ? "yes" : "no" });
  const full = typeof value === "object" ? JSON.stringify(value) : String(value);
  const text = full.replace(MOMENT, "$1 $2");
  const className = [numeric && "number", typeof value === "object" && "json"].filter(Boolean).join(" ");
  const short = text.length > LONG ? `${text.slice(0, LONG)}…` : text;
  return element("td", { className, textContent: short, title: full.length > 25 ? full : "" });
}
