// The panel of the application's own messages: a form of the chosen type, and the reply of its handler.

import { explanations, permitted } from "./access.js";
import { byId, fillSelect, remember, remembered, words } from "./dom.js";
import { Form } from "./forms.js";

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
    byId("reply").hidden = true;
    const form = new Form(request, this.#application.$defs, {
      act: (value) => this.#send(value),
      submit: "Send",
      base: "",
    });
    byId("own-form").replaceChildren(...(may.allowed ? [form.element] : []));
  }

  async #send(value) {
    byId("reply").hidden = true;
    const { ref, ...reply } = await this.#connection.request({ ...value, type: this.#type });
    byId("reply").textContent = JSON.stringify(reply, null, 2);
    byId("reply").hidden = false;
  }
}

function same(one, other) {
  return one.anonymous === other.anonymous && String(one.roles) === String(other.roles);
}
