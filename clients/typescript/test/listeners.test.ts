// Listeners that end things while they are called: themselves, each other, a live query, a room, the client.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { resource } from "../src/index.js";
import { Scripted, turn } from "./support/scripted.js";

let gateway: Scripted;
let heard: string[];

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new Scripted();
  heard = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a listener that is stopped", () => {
  it("by another one hears nothing more, this event included", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    room.on("message", () => stop());
    const stop = room.on("message", () => heard.push("stopped"));
    room.on("message", () => heard.push("other"));
    room.join();
    line.join("a");
    line.say("message", { room: "a", data: 1, position: { epoch: "r", offset: 1 } });
    expect(heard).toEqual(["other"]);
  });

  it.each(["status", "change", "update"] as const)(
    "with its live query, by one of '%s', hears nothing more",
    async (event) => {
      const { client, line } = await gateway.open();
      const live = resource(client, "users").subscribe();
      live.on(event, () => {
        heard.push(event);
        live.close();
      });
      for (const each of ["status", "change", "update"] as const) live.on(each, () => heard.push(`late ${each}`));
      line.subscribe("s1", "snapshot", 1);
      line.snapshot("s1", [{ id: 1 }]);
      await turn();
      line.update("s1", "create", { id: 2 }, 2);
      await turn();
      expect(heard.slice(heard.indexOf(event))).toEqual([event]);
    },
  );

  it("with its live query before it is told the rows that are there, hears nothing", async () => {
    const { client, line } = await gateway.open();
    const live = resource(client, "users").subscribe();
    line.subscribe("s1", "snapshot", 1);
    line.snapshot("s1", [{ id: 1 }]);
    await turn();
    live.on("change", () => heard.push("change"));
    live.close();
    await turn();
    expect(heard).toEqual([]);
  });
});

describe("a listener that ends", () => {
  it.each(["presence", "status"] as const)("a leave by a join, at '%s', leaves the room joining", async (event) => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    room.join();
    line.join("a", { users: [{ id: "7", name: "Ann", status: "online" }] });
    await turn();
    const stop = room.on(event, () => {
      stop();
      room.join();
    });
    room.leave();
    expect([line.unread, room.status, room.members]).toEqual([["leave", "join"], "joining", []]);
    line.take("leave");
    line.join("a");
    expect(room.status).toBe("joined");
  });

  it("a join that begins, by a leave, is in no room", async () => {
    const { client, line } = await gateway.open();
    const room = client.room("a");
    const stop = room.on("status", () => {
      stop();
      room.leave();
    });
    const joined = room.join();
    await expect(joined).rejects.toMatchObject({ code: "closed" });
    expect([line.unread, room.status]).toEqual([["leave"], "left"]);
    line.take("leave");
    room.join();
    line.join("a");
    expect(room.status).toBe("joined");
  });

  it.each(["status", "welcome", "message", "presence", "room status", "change"])(
    "the client, at '%s', ends all",
    async (event) => {
      const client = gateway.connect();
      const room = client.room("a");
      const live = resource(client, "users").subscribe();
      const end = () => client.close();
      if (event === "status" || event === "welcome") client.on(event, end);
      if (event === "message" || event === "presence") room.on(event, end);
      if (event === "room status") room.on("status", (status) => status === "joined" && end());
      if (event === "change") live.on("change", end);
      room.join().catch(() => {});
      await turn();
      const line = gateway.line.welcome();
      const answers = [
        () => line.subscribe("s1", "snapshot", 1),
        () => line.snapshot("s1", [{ id: 1 }]),
        () => line.join("a", { users: [] }),
        () => line.say("message", { room: "a", data: 1, position: { epoch: "r", offset: 1 } }),
      ];
      for (const answer of answers) {
        if (client.status === "open") answer();
        await turn();
      }
      expect([client.status, room.status, live.status]).toEqual(["closed", "left", "error"]);
      await expect(client.ping()).rejects.toMatchObject({ code: "closed" });
      expect([line.closed, vi.getTimerCount(), gateway.lines.length]).toEqual([1000, 0, 1]);
    },
  );
});
