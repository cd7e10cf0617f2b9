// The page of the test: the snippet of the README, word for word, in the smallest application around it.

import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { useWebSocket } from "../../src/react/index.ts";

const url = new URLSearchParams(location.search).get("gateway");

function Users() {
  const { data, subscribe, send } = useWebSocket(url);

  // biome-ignore lint/correctness/useExhaustiveDependencies: word for word, and `subscribe` never changes
  useEffect(() => {
    subscribe("users", { status: "active" });
  }, []);

  return (
    <>
      {data.map((user) => (
        <div key={user.id}>{user.name}</div>
      ))}
      <button type="button" onClick={() => send({ type: "join", room: "users" })}>
        join
      </button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <Users />
  </StrictMode>,
);
