// The panel of rows: the chosen resource as a live table, and forms to create, change and delete.
// It subscribes first and lists then, so that no change is lost between the two, and it never asks for more than a page.

import { explanations, permitted } from "./access.js";
import { Comparison } from "./compare.js";
import { byId, element, fillSelect, prose, remember, remembered, words } from "./dom.js";
import { FilterGroup } from "./filters.js";
import { steps } from "./problems.js";
import { SortTerms } from "./sort.js";
import { exampleStatement } from "./sql.js";
import { keyOf, Table } from "./table.js";
import { Writing } from "./writing.js";

const PAGE = 100;
const PAUSE_MS = 250;
const ACTIONS = ["read", "create", "update", "delete"];

export class RowsPanel {
  #application;
  #connection;
  #name;
  #user;
  #table;
  #subscription;
  #early;
  #filters;
  #group;
  #sort;
  #terms;
  #comparison;
  #writing;
  #offset = 0;
  #total = 0;
  #turn = 0;
  #reload;

  constructor(application, connection) {
    this.#application = application;
    this.#connection = connection;
    byId("resource").onchange = ({ target }) => this.#choose(target.value);
    this.#writing = new Writing(application, connection);
    this.#comparison = new Comparison(
      () => ({ about: this.#resource, request: this.#pageRequest }),
      () => this.#table.rows,
    );
    byId("compare-form").replaceChildren(this.#comparison.element);
    byId("new-row").onclick = () => this.#writing.create(this.#name);
    byId("filter-form").onsubmit = (event) => this.#apply(event);
    byId("previous").onclick = () => this.#turnTo(this.#offset - PAGE);
    byId("next").onclick = () => this.#turnTo(this.#offset + PAGE);
    connection.on("update", (message) => this.#changed(message));
    connection.on(
      "snapshot",
      ({ subscription, reset }) => reset && subscription === this.#subscription && this.#show(),
    );
  }

  get #resource() {
    return this.#application.resources[this.#name];
  }

  /** Begin on a new connection, or as another user. */
  start(user) {
    this.#user = user;
    const names = Object.keys(this.#application.resources);
    byId("rows").hidden = names.length === 0;
    if (names.length === 0) return;
    this.#name ??= names.find((name) => name === remembered("rows")) ?? this.#first(names);
    fillSelect(byId("resource"), names, this.#name);
    if (this.#group === undefined) this.#newGroup();
    this.#show();
  }

  #newGroup() {
    const { filters, columns } = this.#resource;
    this.#filters = undefined;
    this.#sort = undefined;
    this.#group = new FilterGroup(filters, this.#application.$defs);
    this.#terms = new SortTerms(Object.keys(columns));
    byId("filter-conditions").hidden = Object.keys(filters).length === 0;
    byId("filter-group").replaceChildren(this.#group.element);
    byId("sort-terms").replaceChildren(this.#terms.element);
    byId("filter-problem").hidden = true;
    this.#summarize();
  }

  #apply(event) {
    event.preventDefault();
    byId("filter-problem").hidden = true;
    try {
      this.#filters = this.#group.read();
      this.#sort = this.#terms.read();
    } catch {
      return; // the builder says beside the value what is wrong with it
    }
    this.#summarize();
    this.#turnTo(0);
  }

  /** How much is chosen, where the builder is folded. */
  #summarize() {
    const chosen = [this.#filters && "filtered", this.#sort && "sorted"].filter(Boolean).join(", ");
    byId("filter-chosen").textContent = chosen && ` · ${chosen}`;
  }

  /** Rows that refer to no others come first: the others are about them. */
  #first(names) {
    const readable = names.filter((name) => this.#may("read", name).allowed);
    const roots = readable.filter((name) => Object.keys(this.#application.resources[name].references).length === 0);
    return roots[0] ?? readable[0] ?? names[0];
  }

  #may(action, name = this.#name) {
    return permitted(this.#application.resources[name].access, action, this.#user);
  }

  #choose(name) {
    this.#name = name;
    this.#offset = 0;
    remember("rows", name);
    this.#newGroup();
    this.#show();
  }

  #turnTo(offset) {
    this.#offset = offset;
    this.#show();
  }

  /** Draw the panel for the chosen resource and the user, and ask for its rows. */
  #show() {
    clearTimeout(this.#reload);
    const may = Object.fromEntries(ACTIONS.map((action) => [action, this.#may(action)]));
    const answers = may.read.allowed ? Object.values(may) : [may.read];
    byId("rows-about").replaceChildren(...words(this.#resource.description));
    byId("rows-notes").replaceChildren(...explanations(answers, this.#name, this.#application.development));
    byId("new-row").hidden = !may.create.allowed;
    byId("table-frame").hidden = !may.read.allowed;
    if (this.#subscription)
      this.#connection.request({ type: "unsubscribe", subscription: this.#subscription }).catch(() => {});
    this.#subscription = undefined;
    this.#table = new Table(byId("table"), this.#resource, (row) => this.#buttons(row, may));
    this.#comparison.clear();
    byId("compare").hidden = !may.read.allowed;
    this.#count(undefined);
    if (may.read.allowed) this.#load().catch((error) => this.#fail(error));
  }

  async #load() {
    const turn = ++this.#turn;
    const resource = this.#name;
    this.#early = [];
    const subscribed = this.#connection
      .request({ type: "subscribe", resource, ...this.#condition })
      .then(({ subscription }) => {
        if (turn === this.#turn) this.#subscription = subscription;
      });
    const [page] = await Promise.all([this.#page(), subscribed]);
    if (turn !== this.#turn) return;
    this.#arrived(page);
    if (turn !== this.#turn) return; // it was a page beyond the last
    const early = this.#early;
    this.#early = undefined;
    for (const message of early) this.#changed(message);
  }

  get #condition() {
    return this.#filters === undefined ? {} : { filters: this.#filters };
  }

  get #pageRequest() {
    const sort = this.#sort ?? this.#resource.key.map((field) => ({ field, order: "asc" }));
    const page = { limit: PAGE, offset: this.#offset, count: true };
    return { resource: this.#name, ...this.#condition, sort, ...page };
  }

  #page() {
    return this.#connection.request({ type: "list", ...this.#pageRequest });
  }

  #arrived({ rows, total }) {
    if (rows.length === 0 && this.#offset > 0) return this.#turnTo(Math.max(0, total - 1 - ((total - 1) % PAGE)));
    this.#table.reset(rows);
    this.#count(total);
  }

  #fail(error) {
    if (!error.code) return; // the connection broke: the next connection begins again
    byId("table-frame").hidden = true;
    const unplaced = error.violations.filter(({ pointer, message }) => !this.#complain(steps(pointer), message));
    if (unplaced.length < error.violations.length) byId("filter").open = true;
    const said = unplaced.map(({ pointer, message }) => (pointer ? `\`${pointer}\` ${message}` : message));
    if (said.length) byId("rows-notes").append(prose(`The gateway refused: ${said.join("; ")}.`, { className: "why" }));
  }

  /** Show an error at the condition or the property that it points to; returns whether there is one. */
  #complain([part, ...inside], message) {
    if (part === "filters") return this.#group.complain(inside, message);
    return part === "sort" && this.#terms.complain(inside, message);
  }

  #changed(message) {
    if (message.subscription !== this.#subscription) return;
    if (this.#early) return this.#early.push(message);
    const { action, data } = message;
    const shown = this.#table.has(data);
    if (action === "delete") this.#table.remove(data);
    else if (shown || this.#total < PAGE) this.#table.put(data);
    if (action === "create" && !shown) this.#count(this.#total + 1);
    if (action === "delete") this.#count(Math.max(0, this.#total - 1));
    // With several pages a new row moves others; in an order of its values a changed row moves.
    if (this.#sort || (action !== "update" && this.#total > PAGE)) this.#again();
  }

  /** Ask for this page once the changes pause, and once no row is being edited. */
  #again() {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(async () => {
      if (this.#table.editing) return this.#again();
      const turn = this.#turn;
      const page = await this.#page().catch(() => undefined);
      if (page !== undefined && turn === this.#turn) this.#arrived(page);
    }, PAUSE_MS);
  }

  #count(total) {
    this.#total = total ?? 0;
    byId("total").textContent = total === undefined ? "" : `${total} ${total === 1 ? "row" : "rows"}, live`;
    byId("pager").hidden = this.#total <= PAGE;
    byId("previous").disabled = this.#offset === 0;
    byId("next").disabled = this.#offset + PAGE >= this.#total;
    byId("range").textContent =
      `${this.#offset + 1} to ${Math.min(this.#offset + PAGE, this.#total)} of ${this.#total}`;
    byId("table").classList.toggle("empty", total === 0);
    this.#hint();
  }

  /** A statement to write to the database from anywhere, so that the change is seen here. */
  #hint() {
    byId("rows-notes").querySelector(".try")?.remove();
    const { development } = this.#application;
    const row = this.#table.rows[0];
    const statement = row && development && exampleStatement(this.#resource, row);
    if (!statement) return;
    const command = element("code", {
      className: "command",
      textContent: `${development.shell} "${statement.replace(/["$`\\]/g, "\\$&")}"`,
    });
    byId("rows-notes").append(element("p", { className: "try" }, "Write from anywhere, it shows here: ", command));
  }

  #buttons(row, may) {
    const key = keyOf(this.#resource.key, row);
    const name = typeof key === "object" ? Object.values(key).join(" ") : key;
    const make = (action, text, act) => {
      const about = {
        type: "button",
        className: "quiet small",
        "aria-label": `${text} ${name}`,
        "data-action": action,
      };
      return element("button", { ...about, textContent: text, onclick: act });
    };
    const changeable = may.update.allowed && Object.keys(this.#resource.update.properties).length > 0;
    return [
      ...(changeable ? [make("update", "Edit", () => this.#edit(key, name, row))] : []),
      ...(may.delete.allowed ? [make("delete", "Delete", () => this.#writing.remove(this.#name, key, name))] : []),
    ];
  }

  #edit(key, name, row) {
    const table = this.#table;
    const form = this.#writing.edit(this.#name, key, name, row, () => table.endEdit(form));
    table.edit(row, form);
  }
}
