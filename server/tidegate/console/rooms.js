// The panel of rooms: the page is in several at a time, each with its view; a form enters another one.

import { explanations, permitted } from "./access.js";
import { allRemembered, byId, fillSelect, prose, remember, words } from "./dom.js";
import { exampleName, hasParameters, isFixed, kindOf, sortedPatterns } from "./room_names.js";
import { RoomView } from "./room_view.js";

const MOST = 8;
const ENDED = {
  forbidden: "you may not be in it any more",
  removed: "you may not be in it any more",
  closed: "it was closed",
  unavailable: "the gateway cannot ask its database who may be in it. Join again in a moment",
};

export class RoomPanel {
  #application;
  #connection;
  #pattern;
  #user;
  #views = new Map();

  constructor(application, connection) {
    this.#application = application;
    this.#connection = connection;
    byId("pattern").onchange = ({ target }) => this.#choose(target.value);
    byId("entrance").onsubmit = (event) => {
      event.preventDefault();
      this.#enter(byId("room-name").value);
    };
    connection.on("message", (message) => this.#views.get(message.room)?.add([message]));
    connection.on("left", ({ room, reason }) => reason && this.#ended(room, reason));
    connection.on("joined", ({ room, ref }) => ref === undefined && this.#views.get(room)?.restart());
    connection.on("presence", (message) => this.#views.get(message.room)?.showMembers(message.users));
  }

  get #patterns() {
    return sortedPatterns(Object.keys(this.#application.rooms));
  }

  get #kind() {
    return this.#application.rooms[this.#pattern];
  }

  /** Begin on a new connection, or as another user: enter the rooms that the page showed, or the first. */
  start(user) {
    const again = this.#user !== undefined;
    this.#user = user;
    const patterns = this.#patterns;
    byId("room").hidden = patterns.length === 0;
    if (patterns.length === 0) return;
    const names = again ? [...this.#views.keys()] : allRemembered("room").filter((name) => kindOf(name, patterns));
    this.#forget();
    const first = names.length
      ? kindOf(names.at(-1), patterns)
      : (patterns.find((pattern) => !hasParameters(pattern)) ?? patterns[0]);
    this.#pattern ??= first;
    fillSelect(byId("pattern"), patterns, this.#pattern);
    this.#choose(this.#pattern);
    if (!again && names.length === 0 && !hasParameters(this.#pattern) && this.#may("join").allowed)
      names.push(exampleName(this.#pattern));
    for (const name of names.slice(0, MOST)) this.#enter(name);
  }

  #may(action, kind = this.#kind) {
    return permitted(kind.access, action, this.#user);
  }

  /** Show what this kind of room is, and who may do what in it. */
  #choose(pattern) {
    this.#pattern = pattern;
    byId("room-name").value = exampleName(pattern);
    byId("room-name").readOnly = isFixed(pattern);
    byId("room-about").replaceChildren(...words(this.#kind.description));
    const join = this.#may("join");
    const answers = join.allowed ? [join, this.#may("send")] : [join];
    byId("room-notes").replaceChildren(...explanations(answers, pattern, this.#application.development));
    byId("entrance").hidden = !join.allowed;
    this.#drawEmpty();
  }

  async #enter(room) {
    byId("room-problem").replaceChildren();
    const pattern = kindOf(room, this.#patterns);
    if (pattern === undefined) return this.#complain(`No kind of room covers \`${room}\`.`);
    if (this.#views.has(room)) return this.#views.get(room).element.scrollIntoView({ block: "nearest" });
    if (this.#views.size >= MOST) return this.#complain(`The page shows ${MOST} rooms. Leave one first.`);
    const kind = this.#application.rooms[pattern];
    const join = this.#may("join", kind);
    if (!join.allowed) {
      const why = explanations([join], room, this.#application.development);
      return byId("room-problem").replaceChildren(...why);
    }
    const view = new RoomView(room, {
      kind,
      definitions: this.#application.$defs,
      connection: this.#connection,
      user: this.#user,
      leave: () => this.#leave(view),
    });
    this.#views.set(room, view);
    byId("joined-rooms").append(view.element);
    this.#changed();
    try {
      await view.enter();
    } catch (error) {
      if (!error.code || this.#views.get(room) !== view) return; // the connection broke, or the room was left
      this.#remove(view);
      this.#complain(`The gateway refused \`${room}\`: ${error.message}.`);
    }
  }

  #leave(view) {
    view.leave();
    this.#remove(view);
    byId("join").focus();
  }

  /** The gateway took the page out of a room. */
  #ended(room, reason) {
    const view = this.#views.get(room);
    if (view === undefined) return;
    this.#remove(view);
    this.#complain(`The gateway took you out of \`${room}\`: ${ENDED[reason] ?? reason}.`);
  }

  #remove(view) {
    this.#views.delete(view.room);
    view.element.remove();
    this.#changed();
  }

  /** Another connection or user begins: the views of before are gone. */
  #forget() {
    for (const view of this.#views.values()) {
      view.leave();
      view.element.remove();
    }
    this.#views.clear();
  }

  #changed() {
    remember("room", ...this.#views.keys());
    this.#drawEmpty();
  }

  #drawEmpty() {
    const count = this.#views.size;
    byId("room-count").textContent = count > 1 ? `${count} joined` : "";
    byId("no-room").hidden = count > 0 || byId("entrance").hidden;
  }

  #complain(text) {
    byId("room-problem").replaceChildren(prose(text, { className: "why" }));
  }
}
