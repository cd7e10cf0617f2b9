// The panel of the application's own messages: a form of the chosen type, the parts and the reply of its handler, or its error.

import { explanations, permitted } from "./access.js";
import { byId, element, fillSelect, remember, remembered, words } from "./dom.js";
import { Form } from "./forms.js";

const PARTS = 200;

export class OwnPanel {
  #application;
  #connection;
  #type;
  #user;

  constructor(application, connection) {
    this.#application = application;
    this.#connection = connection;
    byId("message").onchange = ({ target }) => {
      this.#type = target.value;
      remember("message", this.#type);
      this.#show();
    };
  }

  /** Begin on a new connection, or as another user. What was typed stays where nothing has changed. */
  start(user) {
    const types = Object.keys(this.#application.messages);
    byId("own").hidden = types.length === 0;
    if (types.length === 0 || (this.#user && same(user, this.#user))) return;
    this.#user = user;
    this.#type ??= types.find((type) => type === remembered("message")) ?? types[0];
    fillSelect(byId("message"), types, this.#type);
    this.#show();
  }

  #show() {
    const { description, access, request } = this.#application.messages[this.#type];
    const may = permitted(access, "send", this.#user);
    byId("own-about").replaceChildren(...words(description));
    byId("own-notes").replaceChildren(...explanations([may], this.#type, this.#application.development));
    this.#clear();
    const form = new Form(request, this.#application.$defs, {
      act: (value) => this.#send(value),
      submit: "Send",
      base: "",
    });
    byId("own-form").replaceChildren(...(may.allowed ? [form.element] : []));
  }

  async #send(value) {
    this.#clear();
    let parts = 0;
    const list = byId("parts");
    const type = this.#type;
    const shown = () => type === this.#type; // another type may be chosen before the reply comes
    const part = (data) => {
      if (!shown()) return;
      list.hidden = false;
      list.append(element("li", {}, element("code", { textContent: JSON.stringify(data) })));
      while (list.childElementCount > PARTS) list.firstChild.remove();
      list.scrollTop = list.scrollHeight;
      byId("own-state").textContent = `${++parts} ${parts === 1 ? "part" : "parts"}, waiting for the reply`;
    };
    const started = (cancel) => {
      byId("own-cancel").hidden = false;
      byId("own-cancel").onclick = cancel;
      byId("own-state").textContent = "waiting for the reply";
    };
    try {
      const { ref, ...reply } = await this.#connection.request({ ...value, type }, { part, started });
      if (shown()) this.#finish(reply.type === "ok" ? "Done: the gateway answered `ok`." : "", reply);
    } catch (error) {
      if (shown()) this.#finish(error.code ? `The gateway answered with the error \`${error.code}\`.` : "", error.data);
      throw error;
    }
  }

  /** The reply has come, or an error: say so in `text`, and show `content` if there is any. */
  #finish(text, content) {
    byId("own-cancel").hidden = true;
    byId("own-state").replaceChildren(...words(text));
    if (content === undefined || content.type === "ok") return;
    byId("reply").textContent = JSON.stringify(content, null, 2);
    byId("reply").hidden = false;
  }

  #clear() {
    byId("reply").hidden = true;
    byId("parts").hidden = true;
    byId("parts").replaceChildren();
    byId("own-cancel").hidden = true;
    byId("own-state").textContent = "";
  }
}

function same(one, other) {
  return one.anonymous === other.anonymous && String(one.roles) === String(other.roles);
}
