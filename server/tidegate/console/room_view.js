// One room that the page is in: its members, its history, what is said, and a form made of its schema.
// What comes after `leave` changes elements that the page shows no more.

import { permitted } from "./access.js";
import { element } from "./dom.js";
import { Form } from "./forms.js";

const PAGE = 50;
/** Messages that stay while others come; more only where the user asked for older ones. */
const KEPT = 500;

export class RoomView {
  #connection;
  #kind;
  #user;
  #offsets = new Set();
  #kept = KEPT;
  #members = element("ul", { className: "members", "aria-label": "Members" });
  #older = element("button", { type: "button", className: "older quiet small", textContent: "Older messages", hidden: true });
  #messages = element("ol", { className: "messages", role: "log", "aria-label": "Messages", tabIndex: 0 });

  /** `kind`: of the document of the console; `leave()` is called by the button. */
  constructor(room, { kind, definitions, connection, user, leave }) {
    this.room = room;
    this.#kind = kind;
    this.#connection = connection;
    this.#user = user;
    this.#older.onclick = () => this.#history();
    this.#members.hidden = !kind.presence;
    const id = `room-${room}`;
    const name = element("h3", { id, textContent: room });
    const button = element("button", { type: "button", className: "quiet small", textContent: "Leave", onclick: leave });
    button.setAttribute("aria-label", `Leave ${room}`);
    const form = permitted(kind.access, "send", user).allowed ? this.#form(definitions) : undefined;
    this.element = element(
      "article",
      { className: "room", "aria-labelledby": id, "data-room": room },
      element("div", { className: "head" }, name, button),
      this.#members,
      this.#older,
      this.#messages,
      form,
    );
  }

  /** Join and read the history. Rejects with Refused where the gateway does not let the page in. */
  async enter() {
    await this.#connection.request({ type: "join", room: this.room });
    if (this.#kind.history > 0) await this.#history();
  }

  /** The gateway has lost messages of the room; those to come may have the offsets of earlier ones. */
  restart() {
    this.#offsets.clear();
    this.#kept = KEPT;
    this.#messages.replaceChildren();
    this.#older.hidden = true;
    if (this.#kind.history > 0) this.#history().catch(() => {});
  }

  leave() {
    this.#connection.request({ type: "leave", room: this.room }).catch(() => {});
  }

  /** Put messages in their order by offset; one that is there already is left out. */
  add(messages) {
    const list = this.#messages;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const message of messages) {
      const { offset } = message.position;
      if (this.#offsets.has(offset)) continue;
      this.#offsets.add(offset);
      const after = [...list.children].find((line) => Number(line.dataset.offset) > offset);
      list.insertBefore(line(message, this.#user), after ?? null);
    }
    while (list.childElementCount > this.#kept) {
      this.#offsets.delete(Number(list.firstChild.dataset.offset));
      list.firstChild.remove();
      this.#older.hidden = this.#kind.history === 0;
    }
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  showMembers(users) {
    this.#members.replaceChildren(
      ...users.map(({ name, status }) =>
        element(
          "li",
          { title: status, "data-status": status },
          name,
          element("span", { className: "unseen", textContent: ` (${status})` }),
        ),
      ),
    );
  }

  #form(definitions) {
    const act = async (data) => {
      await this.#connection.request({ type: "message", room: this.room, data });
      form.reset();
      form.element.querySelector("input, textarea, select")?.focus();
    };
    const form = new Form(this.#kind.payload, definitions, { act, submit: "Send" });
    return element("div", { className: "say" }, form.element);
  }

  async #history() {
    const before = this.#offsets.size ? { before: Math.min(...this.#offsets) } : {};
    const request = { type: "history", room: this.room, limit: PAGE, ...before };
    const page = await this.#connection.request(request);
    this.#older.hidden = !page.more;
    this.#kept = Math.max(this.#kept, this.#offsets.size + page.messages.length);
    this.add(page.messages);
  }
}

function line({ sender, data, time, position }, user) {
  const at = new Date(time);
  const said = typeof data === "object" && data !== null ? Object.values(data) : [data];
  const plain = said.length === 1 && typeof said[0] === "string";
  const text = plain
    ? element("span", { textContent: said[0] })
    : element("code", { textContent: JSON.stringify(data) });
  const moment = element("time", {
    dateTime: at.toISOString(),
    textContent: at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
  });
  return element(
    "li",
    { "data-offset": position.offset, className: sender.id === user.id ? "mine" : "" },
    element("b", { textContent: sender.name }),
    moment,
    text,
  );
}
