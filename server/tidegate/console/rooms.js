// The panel of rooms: one room at a time, with its members, its history, what is said, and a form of its payload.

import { explanations, permitted } from "./access.js";
import { byId, element, fillSelect, prose, remember, remembered, words } from "./dom.js";
import { Form } from "./forms.js";

const PAGE = 50;
const KEPT = 500;
const ANY = "*";
/** What stands for characters in a pattern: `*`, and parameters such as `{id}`. */
const VARIES = /\*|\{[A-Za-z_]\w*\}/;

export class RoomPanel {
  #application;
  #connection;
  #pattern;
  #user;
  #room;
  #offsets = new Set();
  #turn = 0;

  constructor(application, connection) {
    this.#application = application;
    this.#connection = connection;
    byId("pattern").onchange = ({ target }) => this.#choose(target.value);
    byId("entrance").onsubmit = (event) => this.#toggle(event);
    byId("room-name").oninput = () => this.#nameButton();
    byId("older").onclick = () => this.#older();
    connection.on("message", (message) => message.room === this.#room && this.#add([message]));
    connection.on("presence", (message) => message.room === this.#room && this.#showMembers(message.users));
  }

  get #kind() {
    return this.#application.rooms[this.#pattern];
  }

  /** Begin on a new connection, or as another user: enter the room that the page showed, or the first. */
  start(user) {
    this.#user = user;
    const patterns = Object.keys(this.#application.rooms).sort((one, other) => (one === ANY) - (other === ANY));
    byId("room").hidden = patterns.length === 0;
    if (patterns.length === 0) return;
    const name = this.#room ?? remembered("room");
    const known = name !== null && name !== undefined && kindOf(name, patterns);
    this.#room = undefined;
    fillSelect(byId("pattern"), patterns, known || (this.#pattern ?? patterns[0]));
    this.#choose(byId("pattern").value, known ? name : undefined);
  }

  #choose(pattern, name = pattern.split(VARIES).join("lobby")) {
    this.#leave();
    this.#pattern = pattern;
    byId("pattern").value = pattern;
    byId("room-name").value = name;
    byId("room-name").readOnly = pattern.split(VARIES).length === 1;
    byId("room-about").replaceChildren(...words(this.#kind.description));
    const may = ["join", "send"].map((action) => permitted(this.#kind.access, action, this.#user));
    const answers = may[0].allowed ? may : [may[0]];
    byId("room-notes").replaceChildren(...explanations(answers, pattern, this.#application.development));
    byId("entrance").hidden = !may[0].allowed;
    const form = may[0].allowed && may[1].allowed ? this.#form() : undefined;
    byId("say").replaceChildren(...(form ? [form.element] : []));
    if (may[0].allowed) this.#enter(name);
    else this.#nameButton();
  }

  #form() {
    const act = async (data) => {
      if (this.#room === undefined) throw new Error("Join the room first.");
      await this.#connection.request({ type: "message", room: this.#room, data });
      form.reset();
      form.element.querySelector("input, textarea, select")?.focus();
    };
    const form = new Form(this.#kind.payload, this.#application.$defs, { act, submit: "Send" });
    return form;
  }

  /** The button joins the room of this name, or leaves it when the page is in it. */
  #toggle(event) {
    event.preventDefault();
    const name = byId("room-name").value;
    if (name === this.#room) return this.#leave();
    const pattern = kindOf(name, Object.keys(this.#application.rooms));
    if (pattern === undefined) return this.#complain(`No kind of room covers \`${name}\`.`);
    this.#choose(pattern, name);
  }

  async #enter(room) {
    const turn = ++this.#turn;
    this.#room = room;
    this.#empty();
    this.#nameButton();
    remember("room", room);
    try {
      await this.#connection.request({ type: "join", room });
      if (this.#kind.history > 0) await this.#older();
    } catch (error) {
      if (turn !== this.#turn || !error.code) return; // another room by now, or the connection broke
      this.#room = undefined;
      this.#empty();
      this.#nameButton();
      this.#complain(`The gateway refused: ${error.message}.`);
    }
  }

  #leave() {
    if (this.#room === undefined) return;
    this.#connection.request({ type: "leave", room: this.#room }).catch(() => {});
    this.#turn += 1;
    this.#room = undefined;
    this.#empty();
    this.#nameButton();
  }

  async #older() {
    const turn = this.#turn;
    const before = this.#offsets.size ? { before: Math.min(...this.#offsets) } : {};
    const page = await this.#connection.request({ type: "history", room: this.#room, limit: PAGE, ...before });
    if (turn !== this.#turn) return;
    byId("older").hidden = !page.more;
    this.#add(page.messages);
  }

  /** Put messages in their order by offset; one that is there already is left out. */
  #add(messages) {
    const list = byId("messages");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const message of messages) {
      const { offset } = message.position;
      if (this.#offsets.has(offset)) continue;
      this.#offsets.add(offset);
      const after = [...list.children].find((line) => Number(line.dataset.offset) > offset);
      list.insertBefore(line(message, this.#user), after ?? null);
    }
    while (list.childElementCount > KEPT) list.firstChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  #showMembers(users) {
    byId("members").replaceChildren(
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

  #empty() {
    this.#offsets.clear();
    byId("messages").replaceChildren();
    byId("members").replaceChildren();
    byId("older").hidden = true;
    byId("messages").hidden = this.#room === undefined;
    byId("members").hidden = !this.#kind?.presence || this.#room === undefined;
  }

  #nameButton() {
    byId("join").textContent = this.#room !== undefined && byId("room-name").value === this.#room ? "Leave" : "Join";
    byId("join").classList.toggle("quiet", byId("join").textContent === "Leave");
    byId("say").hidden = this.#room === undefined;
  }

  #complain(text) {
    byId("room-notes").replaceChildren(prose(text, { className: "why", role: "alert" }));
  }
}

/** The pattern that covers this name: any other goes before `*`. */
function kindOf(name, patterns) {
  const covers = (pattern) =>
    new RegExp(
      `^${pattern
        .split(VARIES)
        .map(RegExp.escape ?? escaped)
        .join(".*")}$`,
      "s",
    ).test(name);
  return patterns.filter((pattern) => pattern !== ANY).find(covers) ?? (patterns.includes(ANY) ? ANY : undefined);
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
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
