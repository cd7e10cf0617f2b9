// The same rows as another user sees them: asked once over HTTP with a token that stays in this dialog's memory.

import { element, prose } from "./dom.js";
import { Form } from "./forms.js";
import { Table } from "./table.js";

const TOKEN = { type: "object", properties: { token: { type: "string" } }, required: ["token"] };

export class Comparison {
  #ask;
  #rows;
  #result = element("div", { role: "status" });

  /** `ask()`: {resource, about, request}: what the page shows now; `rows()`: the rows that it shows. */
  constructor(ask, rows) {
    this.#ask = ask;
    this.#rows = rows;
    const form = new Form(TOKEN, {}, {
      act: ({ token }) => this.#compare(token.trim()),
      submit: "Compare",
      base: "",
      secret: ["token"],
    });
    const about = "Asks for this page of rows with another token. The token is not kept.";
    this.element = element("div", {}, prose(about, { className: "about" }), form.element, this.#result);
  }

  /** Forget the last comparison: the page shows other rows. */
  clear() {
    this.#result.replaceChildren();
  }

  async #compare(token) {
    const { about, request } = this.#ask();
    const response = await fetch("/api/list", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    const answer = await response.json().catch(() => ({ message: `the gateway answered ${response.status}` }));
    if (!response.ok) throw new Error(answer.message ?? `the gateway answered ${response.status}`);
    this.#show(userOf(token), answer, about);
  }

  #show(user, { rows, total }, about) {
    const name = (row) => JSON.stringify(about.key.map((part) => row[part]));
    const theirs = new Map(rows.map((row) => [name(row), JSON.stringify(row)]));
    const ours = new Map(this.#rows().map((row) => [name(row), JSON.stringify(row)]));
    const hidden = [...ours.keys()].filter((key) => !theirs.has(key)).length;
    const added = [...theirs.keys()].filter((key) => !ours.has(key)).length;
    const changed = [...theirs].filter(([key, row]) => ours.has(key) && ours.get(key) !== row).length;
    const parts = [
      hidden && `${hidden} of the rows above not there`,
      added && `${added} more`,
      changed && `${changed} with other values`,
    ].filter(Boolean);
    const root = element("table");
    const table = new Table(root, about, () => []);
    table.reset(rows);
    for (const line of root.tBodies[0].rows) line.classList.toggle("added", !ours.has(line.dataset.key));
    root.classList.toggle("empty", rows.length === 0);
    const heading = `As ${user}: ${total} ${total === 1 ? "row" : "rows"}`;
    this.#result.replaceChildren(
      element("h3", { textContent: heading }),
      prose(parts.length ? `On this page: ${parts.join(", ")}.` : "On this page: the same rows.", { className: "about" }),
      element("div", { className: "scroller", tabIndex: 0, role: "region", "aria-label": heading }, root),
    );
  }
}

/** The name in a token. The gateway has accepted it; the page shows the name as text. */
function userOf(token) {
  try {
    const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
    return [claims.name ?? claims.sub, ...(claims.roles ?? [])].join(" · ");
  } catch {
    return "another user";
  }
}
