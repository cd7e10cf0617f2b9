// uWebSockets.js: topics of the library. Its own release is in no registry; this package has the compiled library.
"use strict";
// Without a fitting binary the package would fall back to npm ws in silence; this file has no fallback.
const uws = require(`./node_modules/@trufflesuite/uws-js-unofficial/dist/uws_${process.platform}_${process.arch}_${process.versions.modules}.node`);

const decoder = new TextDecoder();
const app = uws.App().ws("/*", {
  idleTimeout: 0,
  maxBackpressure: 64 * 1024 * 1024,
  message(socket, data) {
    const asked = JSON.parse(decoder.decode(data));
    if (asked.type === "ping") {
      socket.send(JSON.stringify({ type: "pong", ref: asked.ref }));
    } else if (asked.type === "join") {
      socket.subscribe(asked.room);
      socket.send(JSON.stringify({ type: "joined", ref: asked.ref }));
    } else {
      app.publish(asked.room, data, false);
    }
  },
});

app.listen("127.0.0.1", 0, (listening) => {
  console.log(`serving on http://127.0.0.1:${uws.us_socket_local_port(listening)}`);
});
