// Socket.IO: rooms of the library, an acknowledgement for `join` and `ping`, WebSockets alone.
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], pingInterval: 3_600_000 });

io.on("connection", (socket) => {
  socket.on("join", (room, answer) => {
    socket.join(room);
    answer();
  });
  socket.on("ping", (answer) => answer());
  socket.on("message", (room, data) => io.to(room).emit("message", room, data));
});

http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`serving on http://127.0.0.1:${http.address().port}`);
});
