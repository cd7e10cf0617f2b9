// The log of every message, without what is secret: tokens, and values that the schema says are write-only.
// It keeps records; the list shows those that match the search and the chosen type, and stands still while paused.

import { byId, element, fillSelect, openDialog } from "./dom.js";
import { json, member, read } from "./json_text.js";
import { recording, save } from "./recording.js";
import { snippets } from "./snippets.js";

const LINES = 200;
const KEPT = 2000;
const KEPT_CHARACTERS = 4_000_000;
const HIDDEN = "•••";
const TOKENS = ["token", "identity"];
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const ALL = { "": "all messages", sent: "sent", received: "received", error: "errors" };

export class WireLog {
  #list;
  #secrets;
  #records = [];
  #characters = 0;
  #types = new Set();
  #missed = 0;
  #signedIn;
  #connection = 0;
  #streamed;

  /** `application` is the document of the console. `signedIn()`: whether the page speaks for a token's user. */
  constructor(list, { resources, messages, contract }, signedIn) {
    this.#streamed = Object.keys(messages).filter((name) => messages[name].parts);
    this.#list = list;
    this.#signedIn = signedIn;
    this.#secrets = new Map(Object.entries(resources).map(([name, { secret }]) => [name, secret]));
    this.#fillTypes();
    byId("wire-search").oninput = () => this.#draw();
    byId("wire-type").onchange = () => this.#draw();
    byId("wire-pause").onclick = () => this.#pause(!this.#paused);
    byId("wire-clear").onclick = () => this.#clear();
    byId("wire-save").onclick = () => {
      const day = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
      save(`tidegate-${day}.recording.json`, recording(this.#records, contract));
    };
  }

  get #paused() {
    return byId("wire-pause").getAttribute("aria-pressed") === "true";
  }

  /** `kind` is "out", "in" or "in error". */
  add(kind, text) {
    const { type, shown } = this.#redacted(text);
    if (type === "welcome" && kind !== "out") this.#connection += 1;
    const record = { kind, type, text: shown, time: new Date(), connection: Math.max(1, this.#connection) };
    this.#records.push(record);
    this.#characters += shown.length;
    while (this.#records.length > KEPT || (this.#characters > KEPT_CHARACTERS && this.#records.length > 1))
      this.#characters -= this.#records.shift().text.length;
    if (type !== undefined && !this.#types.has(type)) {
      this.#types.add(type);
      this.#fillTypes();
    }
    if (this.#paused) {
      this.#missed += 1;
      return this.#count();
    }
    if (!this.#matches(record)) return;
    this.#list.prepend(this.#line(record));
    while (this.#list.childElementCount > LINES) this.#list.lastChild.remove();
    this.#count();
  }

  #pause(paused) {
    byId("wire-pause").setAttribute("aria-pressed", String(paused));
    byId("wire-pause").textContent = paused ? "Resume" : "Pause";
    this.#missed = 0;
    this.#draw();
  }

  #clear() {
    this.#records = [];
    this.#characters = 0;
    this.#missed = 0;
    this.#draw();
  }

  #draw() {
    const until = this.#records.length - this.#missed;
    const found = this.#records.slice(0, Math.max(0, until)).filter((record) => this.#matches(record));
    this.#list.replaceChildren(
      ...found
        .slice(-LINES)
        .reverse()
        .map((record) => this.#line(record)),
    );
    this.#count();
  }

  #matches({ kind, type, text }) {
    const wanted = byId("wire-type").value;
    const search = byId("wire-search").value.toLowerCase();
    const fits =
      wanted === "" ||
      wanted === `type ${type}` ||
      (wanted === "sent" && kind === "out") ||
      (wanted === "received" && kind !== "out") ||
      (wanted === "error" && kind === "in error");
    return fits && (search === "" || text.toLowerCase().includes(search));
  }

  #count() {
    const shown = this.#list.childElementCount;
    const waiting = this.#missed ? `paused, ${this.#missed} more since` : `${shown} shown, newest first`;
    byId("wire-count").textContent = waiting;
    byId("wire-none").hidden = shown > 0;
  }

  #fillTypes() {
    const select = byId("wire-type");
    const chosen = select.value;
    fillSelect(select, [...Object.keys(ALL), ...[...this.#types].sort().map((type) => `type ${type}`)], chosen);
    for (const option of select.options) option.textContent = ALL[option.value] ?? option.value.slice("type ".length);
  }

  #line(record) {
    const { kind, type, text, time } = record;
    const clock = time.toLocaleTimeString("en-GB");
    const direction = kind === "out" ? "sent" : "received";
    const copy = element("button", {
      type: "button",
      className: "quiet small",
      textContent: "Copy",
      "aria-label": `Copy ${type ?? "text"}, ${direction} at ${clock}`,
      onclick: () => this.#open(record),
    });
    return element(
      "li",
      { className: kind },
      element("time", { textContent: clock }),
      element("span", { className: "way", role: "img", "aria-label": direction }),
      element("code", { textContent: text }),
      copy,
    );
  }

  /** Show a message in each form that it has, to read and to copy. */
  #open({ kind, type, text }) {
    const sent = kind === "out";
    const forms = snippets(text, { sent, signedIn: this.#signedIn(), origin: location.origin, streamed: this.#streamed });
    const choose = element("select", { "aria-label": "Form" });
    fillSelect(
      choose,
      forms.map(([name]) => name),
      "JSON",
    );
    const shown = element("pre", { className: "snippet", tabIndex: 0 });
    const said = element("span", { className: "count", role: "status" });
    const show = () => {
      shown.textContent = forms.find(([name]) => name === choose.value)[1];
      said.textContent = "";
    };
    const copy = element("button", { type: "button", textContent: "Copy", onclick: () => copyFrom(shown, said) });
    choose.onchange = show;
    show();
    openDialog(
      `${type ?? "Text"} (${sent ? "sent" : "received"})`,
      element("div", { className: "line" }, choose, copy, said),
      shown,
    );
  }

  /** {type, shown}: the text as it was sent, unless something in it has to be hidden. */
  #redacted(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    const type = typeof message?.type === "string" ? message.type : undefined;
    const shown = this.#hides(message) ? this.#hidden(text, message.resource) : text;
    return { type, shown: shown.replace(TOKEN, HIDDEN) };
  }

  /** Whether there is something to hide in the value of a text. */
  #hides(message) {
    const named = (place, names) => place !== null && typeof place === "object" && names.some((name) => name in place);
    return named(message, TOKENS) || [message?.data].flat().some((row) => named(row, this.#secretsOf(message?.resource)));
  }

  /** The text without what is secret. Numbers stay as they were written: JavaScript would round large ones. */
  #hidden(text, resource) {
    const message = read(text);
    const data = member(message, "data");
    for (const row of [data, ...(data?.items ?? [])]) hide(row, this.#secretsOf(resource));
    hide(message, TOKENS);
    return json(message);
  }

  #secretsOf(resource) {
    return this.#secrets.get(resource) ?? [];
  }
}

/** Hide the values of these members, where `value` is an object. */
function hide(value, names) {
  for (const pair of value?.members ?? []) if (names.includes(pair[0])) pair[1] = { string: HIDDEN };
}

/** Browsers give no clipboard to pages over plain HTTP from other machines: then the text is selected. */
async function copyFrom(shown, said) {
  try {
    await navigator.clipboard.writeText(shown.textContent);
    said.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(shown);
    said.textContent = "Selected: copy it with Ctrl+C.";
  }
}
