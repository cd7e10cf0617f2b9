// workerd with a Durable Object: a loop over the members of a room, each with `send`.
export class Rooms {
  rooms = new Map();

  async fetch() {
    const [theirs, socket] = Object.values(new WebSocketPair());
    let room = null;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      const asked = JSON.parse(data);
      if (asked.type === "ping") {
        socket.send(JSON.stringify({ type: "pong", ref: asked.ref }));
      } else if (asked.type === "join") {
        room = this.rooms.get(asked.room) ?? new Set();
        this.rooms.set(asked.room, room.add(socket));
        socket.send(JSON.stringify({ type: "joined", ref: asked.ref }));
      } else {
        for (const member of this.rooms.get(asked.room) ?? []) member.send(data);
      }
    });
    socket.addEventListener("close", () => {
      room?.delete(socket);
      socket.close();
    });
    return new Response(null, { status: 101, webSocket: theirs });
  }
}

export default {
  fetch(request, env) {
    return env.rooms.get(env.rooms.idFromName("all")).fetch(request);
  },
};
