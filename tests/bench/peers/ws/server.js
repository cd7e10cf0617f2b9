// npm ws in its usual form: a loop over the members of a room, each with `send`.
"use strict";
const { WebSocketServer } = require("ws");

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`serving on http://127.0.0.1:${server.address().port}`);
});

server.on("connection", (socket) => {
  let room = null;
  socket.on("message", (data) => {
    const asked = JSON.parse(data);
    if (asked.type === "ping") {
      socket.send(JSON.stringify({ type: "pong", ref: asked.ref }));
    } else if (asked.type === "join") {
      room = rooms.get(asked.room) ?? new Set();
      rooms.set(asked.room, room.add(socket));
      socket.send(JSON.stringify({ type: "joined", ref: asked.ref }));
    } else {
      for (const member of rooms.get(asked.room) ?? []) member.send(data, { binary: false });
    }
  });
  socket.on("close", () => room?.delete(socket));
});
