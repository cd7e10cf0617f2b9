// The plain protocol over a plain WebSocket: requests and replies by `ref`, and a new connection when one breaks.
// A real application uses the `tidegate` package, which also resumes; here each connection starts from what is there now.

const LONGEST_WAIT_MS = 20_000;

/** An `error` of the gateway. */
export class Refused extends Error {
  constructor(message) {
    super(message.message);
    this.code = message.code;
    this.temporary = message.temporary;
    this.data = message.data;
    this.violations = message.errors?.length
      ? message.errors
      : [{ pointer: message.pointer ?? "", message: message.message }];
  }
}

export class Connection {
  #socket;
  #attempt = 0;
  #refs = 0;
  #waiting = new Map();
  #listeners = new Map();
  #silence;
  #retry;

  /** `log(direction, text)` gets every message; `changed(status, text)` gets the status of the clients, and its text. */
  constructor(log, changed) {
    this.log = log;
    this.changed = changed;
    addEventListener("online", () => this.#socket.readyState === WebSocket.CLOSED && this.open());
  }

  /** Call `act` with each message of this type. */
  on(type, act) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), act]);
  }

  open() {
    clearTimeout(this.#retry);
    this.changed(...(this.#attempt ? ["reconnecting", "reconnecting…"] : ["connecting", "connecting…"]));
    const socket = new WebSocket(
      `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      "tidegate.v1",
    );
    this.#socket = socket;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason);
  }

  /** Connect again as a new, anonymous user. */
  restart() {
    this.#socket.onclose = null;
    this.#socket.close();
    this.#fail();
    this.open();
  }

  /**
   * The reply to a request. Rejects with Refused, or with an Error when the connection breaks first.
   * `part(data)` gets each part that comes before the reply. `started(cancel)` gets a function that ends the request.
   */
  request(message, { part = () => {}, started = () => {} } = {}) {
    const ref = `page-${++this.#refs}`;
    return new Promise((resolve, reject) => {
      if (!this.send(JSON.stringify({ ...message, ref })))
        return reject(new Error("There is no connection; try again."));
      this.#waiting.set(ref, { resolve, reject, part });
      started(() => this.send(JSON.stringify({ type: "cancel", ref })));
    });
  }

  /** Send text as it is; returns whether there is a connection. */
  send(text) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.log("out", text);
    this.#socket.send(text);
    return true;
  }

  #receive(text) {
    const message = JSON.parse(text);
    this.log(message.type === "error" ? "in error" : "in", text);
    if (message.type === "welcome") this.#welcomed(message);
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#closed(1006), this.silent);
    const waiting = this.#waiting.get(message.ref);
    if (waiting && message.type === "part") waiting.part(message.data);
    else if (waiting) {
      this.#waiting.delete(message.ref);
      if (message.type === "error") waiting.reject(new Refused(message));
      else waiting.resolve(message);
    }
    for (const act of this.#listeners.get(message.type) ?? []) act(message);
  }

  #welcomed({ heartbeat }) {
    this.#attempt = 0;
    this.silent = (2 * heartbeat + 5) * 1000;
    this.changed("open", "connected");
  }

  #closed(code, reason) {
    clearTimeout(this.#silence);
    this.#socket.onclose = null;
    this.#socket.close();
    this.#fail();
    if (code >= 4000 && code < 4100) return this.changed("closed", `refused: ${reason || code}`);
    this.changed("reconnecting", "disconnected; trying again");
    const longest = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#attempt++);
    this.#retry = setTimeout(() => this.open(), Math.random() * longest);
  }

  #fail() {
    for (const { reject } of this.#waiting.values()) reject(new Error("The connection broke before the reply came."));
    this.#waiting.clear();
  }
}
