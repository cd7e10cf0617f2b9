// The page of hooks.test.ts: a list of users and a chat, with the hooks below a provider that makes its client.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import {
  TidegateProvider,
  useConnection,
  useLiveQuery,
  useMutation,
  useOthers,
  useRoom,
} from "../../src/react/index.ts";

const url = new URLSearchParams(location.search).get("gateway");

function Page() {
  const connection = useConnection();
  const { rows } = useLiveQuery("users", { filters: { status: "active" }, sort: ["name"] });
  const { create } = useMutation("users");
  const { messages, send } = useRoom("chat-1");
  const others = useOthers("chat-1", (members) => members.length);
  return (
    <>
      <p id="status">{connection.status}</p>
      <p id="others">{others}</p>
      <p id="users">{rows.map(({ name }) => name).join()}</p>
      <p id="messages">{messages.map(({ data }) => data.text).join()}</p>
      <button type="button" id="create" onClick={() => create({ name: "Zoe", email: "zoe@example.com" })} />
      <input id="text" onChange={({ target }) => send({ text: target.value })} />
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <TidegateProvider url={url} identity="none">
      <Page />
    </TidegateProvider>
  </StrictMode>,
);
