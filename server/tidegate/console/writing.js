// Forms that write rows: a new row and the question before a deletion in a dialog, a change under the line of the row.

import { element, openDialog, words } from "./dom.js";
import { Form } from "./forms.js";

const NOTHING = { properties: {}, additionalProperties: false };

export class Writing {
  #application;
  #connection;

  constructor(application, connection) {
    this.#application = application;
    this.#connection = connection;
  }

  create(resource) {
    const { create, defaults, secret, description } = this.#application.resources[resource];
    const options = { submit: "Create", values: defaults, secret };
    this.#ask(`New row of ${resource}`, description, create, options, (data) => ({ type: "create", data, resource }));
  }

  remove(resource, key, name) {
    const about = `Delete ${name} of ${resource}? This cannot be undone.`;
    const message = () => ({ type: "delete", id: key, resource });
    this.#ask("Delete this row?", about, NOTHING, { submit: "Delete" }, message);
  }

  /** The form that changes a row; `done()` is called when the gateway has done it, or the user gives up. */
  edit(resource, key, name, row, done) {
    const { update, secret } = this.#application.resources[resource];
    const act = async (data) => {
      if (Object.keys(data).length) await this.#connection.request({ type: "update", id: key, data, resource });
      done();
    };
    const options = { submit: "Save", values: row, secret, editing: true, act };
    const form = new Form(update, this.#application.$defs, options).element;
    form.setAttribute("aria-label", `Edit ${name}`);
    const cancel = element("button", { type: "button", className: "quiet", textContent: "Cancel", onclick: done });
    form.querySelector(".submit").append(cancel);
    form.addEventListener("keydown", (event) => event.key === "Escape" && done());
    return form;
  }

  /** A dialog with a form; it closes once the gateway has done what `message` makes of the value. */
  #ask(heading, about, schema, options, message) {
    const act = async (value) => {
      await this.#connection.request(message(value));
      dialog.close();
    };
    const form = new Form(schema, this.#application.$defs, { ...options, act });
    const dialog = openDialog(heading, element("p", { className: "about" }, ...words(about)), form.element);
  }
}
