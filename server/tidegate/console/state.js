// Who is connected, which rooms are open, and what groups of subscriptions cost. Development mode only.

import { byId, element } from "./dom.js";

const EVERY_MS = 2000;

export class StatePanel {
  #timer;
  #user;

  /** The panel is not there where the gateway says nothing about itself. */
  constructor({ development }) {
    byId("state").hidden = !development;
    byId("state-details").ontoggle = () => this.#follow();
  }

  start(user) {
    this.#user = user;
    this.#follow();
  }

  #follow() {
    clearInterval(this.#timer);
    if (!byId("state-details").open) return;
    this.#ask();
    this.#timer = setInterval(() => document.hidden || this.#ask(), EVERY_MS);
  }

  async #ask() {
    try {
      const response = await fetch("/console/state.json");
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      this.#show(await response.json());
    } catch (error) {
      byId("state-summary").textContent = `The gateway said nothing: ${error.message}`;
    }
  }

  #show({ connections, names, rooms, subscriptions }) {
    byId("state-summary").textContent = [
      count(connections, "connection"),
      count(rooms, "room"),
      count(subscriptions, "group of subscriptions", "groups of subscriptions"),
    ].join(", ");
    const milliseconds = (seconds) => (seconds * 1000).toFixed(1);
    fill("state-connections", ["user", "rooms", "subscriptions", "received", "sent", "cost, ms"], connections, (one) => [
      `${names[one.user] ?? one.user}${one.user === this.#user?.id ? " (this page)" : ""}`,
      one.rooms,
      one.subscriptions,
      one.frames_in,
      one.frames_out,
      milliseconds(one.cost),
    ]);
    fill("state-rooms", ["room", "members", "connections"], rooms, (one) => [one.room, one.members, one.connections]);
    fill("state-groups", ["resource", "filter", "subscribers", "points", "sent"], subscriptions, (one) => [
      one.resource,
      one.filter === "and()" ? "every row" : one.filter,
      one.members,
      one.points,
      one.frames,
    ]);
  }
}

function count(items, one, several = `${one}s`) {
  return `${items.length} ${items.length === 1 ? one : several}`;
}

/** Fill a table; numbers stand at the right. */
function fill(id, heads, items, cells) {
  const rows = items.map(cells);
  const numeric = (index) => rows.some((row) => /^[\d.]+$/.test(String(row[index])) && index > 0);
  const cell = (name, text, index) =>
    element(name, { textContent: String(text), className: numeric(index) ? "number" : "", title: String(text) });
  const head = element("tr", {}, ...heads.map((text, index) => cell("th", text, index)));
  const lines = rows.map((row) => element("tr", {}, ...row.map((text, index) => cell("td", text, index))));
  byId(id).replaceChildren(element("thead", {}, head), element("tbody", {}, ...lines));
  byId(id).parentElement.hidden = items.length === 0;
}
