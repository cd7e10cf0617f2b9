import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { UsersList } from "./UsersList";

// ws://... of the host that serves this page, or wss://... where the page came by https.
const url = `${location.origin.replace(/^http/, "ws")}/ws`;

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <h1>Users</h1>
    <UsersList url={url} />
  </StrictMode>,
);
