// The page at `/`: it reads what the application is made of, connects, and shows its rows, rooms and messages.
// It has no framework and no build step, and it speaks the plain protocol, so that the log shows what any client sees.

import { Connection } from "./connection.js";
import { byId, words } from "./dom.js";
import { OwnPanel } from "./own.js";
import { RoomPanel } from "./rooms.js";
import { RowsPanel } from "./rows.js";
import { isSignedIn, SignIn } from "./sign_in.js";
import { StatePanel } from "./state.js";
import { WireLog } from "./wire.js";

const RELOADED = "tidegate.reloaded";

function start(application) {
  const wire = new WireLog(byId("wire"), application, isSignedIn);
  const connection = new Connection((kind, text) => wire.add(kind, text), showStatus);
  const panels = [RowsPanel, RoomPanel, OwnPanel, StatePanel].map((Panel) => new Panel(application, connection));
  const signIn = new SignIn(application, connection, (user) => {
    for (const panel of panels) panel.start(user);
  });
  connection.on("welcome", ({ contract, user }) => {
    if (isCurrent(application, contract)) signIn.begin(user);
  });
  byId("raw").onsubmit = (event) => {
    event.preventDefault();
    connection.send(new FormData(event.target).get("json"));
  };
  const [resource] = Object.keys(application.resources);
  if (resource) byId("raw").json.value = JSON.stringify({ type: "list", resource, limit: 3, ref: "try" });
  if (["resources", "rooms", "messages"].every((part) => Object.keys(application[part]).length === 0)) {
    showNotice(
      "This application has no rows, rooms or messages yet. Put a schema file into schema/resources or schema/rooms; `tidegate init` writes examples.",
    );
  }
  connection.open();
}

/** Whether the page is made of the contract that the gateway has now. If not, it is loaded again, once. */
function isCurrent(application, contract) {
  if (contract === application.contract) {
    sessionStorage.removeItem(RELOADED);
    return true;
  }
  if (sessionStorage.getItem(RELOADED) === contract) {
    showNotice(
      "The gateway has another contract than the page that it served; there may be several gateways of different versions.",
    );
    return true;
  }
  sessionStorage.setItem(RELOADED, contract);
  location.reload();
  return false;
}

function showStatus(state, text) {
  byId("status").dataset.state = state;
  byId("status").textContent = text;
}

function showNotice(text) {
  byId("notice").replaceChildren(...words(text));
  byId("notice").hidden = false;
}

try {
  const response = await fetch("/console/application.json");
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  start(await response.json());
} catch (error) {
  showStatus("closed", "not started");
  showNotice(`The gateway did not say what its application is made of: ${error.message}.`);
}
