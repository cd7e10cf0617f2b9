// A chat with presence: who is here, who is typing, older messages on request.

import { type FormEvent, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import type { TidegateError } from "tidegate";
import { TidegateProvider, useConnection, useMyPresence, useOthers, useRoom } from "tidegate/react";
import { url } from "../register.js";

const ROOM = "chat-harbour";

function Chat() {
  const { messages, more, loadMore, reload, members, gap, status, send } = useRoom(ROOM, { history: 20 });

  return (
    <main>
      <h1>Harbour chat</h1>
      <p className="quiet">
        <Connection /> {members.map(({ name }) => name).join(", ")} {status === "joined" ? "are here" : status}
      </p>
      {more && (
        <button type="button" onClick={loadMore}>
          Older messages
        </button>
      )}
      {gap && (
        <button type="button" onClick={reload}>
          Some messages are missing: load them
        </button>
      )}
      <ol>
        {messages.map(({ position, sender, data }) => (
          <li key={`${position.epoch} ${position.offset}`}>
            <b>{sender.name}</b> {data.text}
          </li>
        ))}
      </ol>
      <Typing />
      <Say send={(text) => send({ text })} />
    </main>
  );
}

function Connection() {
  const { status, user } = useConnection();
  return <span>{status === "open" ? `You are ${user?.name}.` : `${status} ...`}</span>;
}

function Typing() {
  // The component renders when this text changes, not at each change of a member.
  const typing = useOthers(ROOM, (others) =>
    others
      .filter(({ info }) => info?.typing)
      .map(({ name }) => name)
      .join(", "),
  );
  return <p className="quiet">{typing && `${typing} is typing`}</p>;
}

function Say({ send }: { send: (text: string) => Promise<unknown> }) {
  const [text, setText] = useState("");
  const [error, setError] = useState<TidegateError>();
  const [, setMine] = useMyPresence(ROOM);

  const type = (next: string) => {
    setText(next);
    if ((next === "") !== (text === "")) void setMine({ info: { typing: next !== "" } }).catch(() => {});
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    type(""); // the next message may be typed while this one is on its way
    try {
      await send(text); // the promise is kept over a broken connection
    } catch (failure) {
      setError(failure as TidegateError); // this form's error, and no other component's
      setText(text);
    }
  };

  return (
    <form onSubmit={submit}>
      <input aria-label="Message" value={text} onChange={(event) => type(event.target.value)} />{" "}
      <button type="submit">Send</button>
      {error && <p role="alert">{error.message}</p>}
    </form>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <TidegateProvider url={url}>
      <Chat />
    </TidegateProvider>
  </StrictMode>,
);
