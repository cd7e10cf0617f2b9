// Who the page speaks for: a token that is kept in this tab's session storage and nowhere else.

import { byId, element, openDialog, prose } from "./dom.js";
import { Form } from "./forms.js";

const PLACE = "tidegate.token";

/** Whether the page speaks for the user of a token. */
export function isSignedIn() {
  return sessionStorage.getItem(PLACE) !== null;
}

export class SignIn {
  #application;
  #connection;
  #started;

  /** `started(user)` is called with each user that the page signs in from then on. */
  constructor(application, connection, started) {
    this.#application = application;
    this.#connection = connection;
    this.#started = started;
    byId("user").onclick = () => this.#open();
  }

  /** The connection is open, and the gateway takes the page for `user`: sign in if there is a token. */
  async begin(user) {
    const token = sessionStorage.getItem(PLACE);
    try {
      this.#is(token === null ? user : (await this.#authenticate(token)).user);
    } catch (error) {
      if (!error.code) return; // the connection broke again
      if (!error.temporary) sessionStorage.removeItem(PLACE);
      this.#is(user);
      this.#open(`You are ${error.temporary ? "not signed in for the moment" : "signed out"}: ${error.message}.`);
    }
  }

  #authenticate(token) {
    return this.#connection.request({ type: "authenticate", token });
  }

  #is(user) {
    const who = user.anonymous
      ? [element("span", { className: "guest", textContent: `${user.name} · ` }), "Sign in"]
      : [[user.name, ...user.roles].join(" · ")];
    byId("user").replaceChildren(...who);
    byId("user").hidden = false;
    this.#started(user);
  }

  #open(why) {
    const { development } = this.#application;
    const schema = { type: "object", properties: { token: { type: "string" } }, required: ["token"] };
    const act = async ({ token }) => {
      const { user } = await this.#authenticate(token.trim());
      sessionStorage.setItem(PLACE, token.trim());
      dialog.close();
      this.#is(user);
    };
    const form = new Form(schema, {}, { act, submit: "Sign in", base: "", secret: ["token"] });
    const signOut = element("button", {
      type: "button",
      className: "quiet",
      textContent: "Sign out",
      onclick: () => this.#signOut(dialog),
    });
    if (sessionStorage.getItem(PLACE) !== null) form.element.querySelector(".submit").append(signOut);
    const about =
      "A token says who you are and which roles you have. It stays in this tab and is not shown in the log.";
    const hint = development
      ? `In development a token comes from \`${development.token}\`, with \`--role NAME\` for a role.`
      : "It is a JWT that your application signs; docs/reference/protocol.md says which claims it has.";
    const dialog = openDialog(
      "Sign in",
      ...(why ? [prose(why, { className: "why" })] : []),
      prose(about, { className: "about" }),
      form.element,
      prose(hint, { className: "about" }),
    );
  }

  #signOut(dialog) {
    sessionStorage.removeItem(PLACE);
    dialog.close();
    this.#connection.restart();
  }
}
