// The try-it page: the plain protocol over a plain WebSocket, without the client library, so that what is on the wire
// is what one reads here. A real application uses the `tidegate` package, which reconnects and resumes by itself.

const $ = (id) => document.getElementById(id);
const rows = new Map();
let socket;
let subscription;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket.onopen = () => {
    status("open", "connected");
    send({ type: "join", room: "chat-lobby", ref: "join" });
    send({ type: "subscribe", resource: "users", filters: { status: "active" }, snapshot: true, ref: "users" });
  };
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = () => {
    status("closed", "disconnected; trying again");
    setTimeout(connect, 500 + Math.random() * 1000);
  };
}

function send(message) {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  wire("out", text);
  socket.send(text);
}

function receive(text) {
  const message = JSON.parse(text);
  wire(message.type === "error" ? "in error" : "in", text);
  if (message.type === "subscribed" && message.ref === "users") subscription = message.subscription;
  if (message.type === "snapshot" && message.subscription === subscription) {
    if (message.reset) rows.clear();
    for (const row of message.rows) rows.set(row.id, row);
    showUsers();
  }
  if (message.type === "update" && message.subscription === subscription) {
    if (message.action === "delete") rows.delete(message.data.id);
    else rows.set(message.data.id, message.data);
    showUsers(message.data.id);
  }
  if (message.type === "presence") showMembers(message.users);
  if (message.type === "message") showMessage(message);
}

function showUsers(fresh) {
  const sorted = [...rows.values()].sort((a, b) => a.id - b.id);
  $("users").replaceChildren(...sorted.map((row) => {
    const button = element("button", "set inactive");
    button.onclick = () => send({ type: "update", resource: "users", id: row.id, data: { status: "inactive" }, ref: "row" });
    const actions = document.createElement("td");
    actions.append(button);
    const line = document.createElement("tr");
    line.append(element("td", row.id), element("td", row.name), element("td", row.email), actions);
    if (row.id === fresh) line.className = "fresh";
    return line;
  }));
}

function showMembers(users) {
  $("members").replaceChildren(...users.map((user) => element("li", `${user.name} (${user.status})`)));
}

function showMessage(message) {
  $("messages").append(element("li", `${message.sender.name}: ${message.data.text}`));
  $("messages").lastChild.scrollIntoView({ block: "nearest" });
}

function wire(kind, text) {
  const line = element("li", text);
  line.className = kind;
  $("wire").prepend(line);
  while ($("wire").childElementCount > 100) $("wire").lastChild.remove();
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function status(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function onSubmit(id, act) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(Object.fromEntries(new FormData(event.target)), event.target);
  });
}

onSubmit("add", (data, form) => { send({ type: "create", resource: "users", data, ref: "row" }); form.reset(); });
onSubmit("say", ({ text }, form) => { send({ type: "message", room: "chat-lobby", data: { text } }); form.reset(); });
onSubmit("raw", ({ json }) => send(json));
connect();
