// The scenarios that both clients share (tests/clients/scenarios), played by the TypeScript client. The Python client plays
// them too.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { connect, type SocketConstructor } from "../src/index.js";
import { eventually } from "./support/eventually.js";
import { Gateway } from "./support/gateway.js";
import { checkError, optionsOf, ownRoom, RealPlayer, ScriptedPlayer, scenarios } from "./support/player.js";
import { Relay } from "./support/relay.js";
import { Scripted } from "./support/scripted.js";

describe("scenarios of both clients", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const scripted = scenarios("scripted");

  it.each(scripted.filter(({ refused }) => !refused))("$name", async (scenario) => {
    await (await ScriptedPlayer.of(scenario, new Scripted())).play(scenario);
  });

  it.each(scripted.filter(({ refused }) => refused))("$name", (scenario) => {
    try {
      new Scripted().connect(optionsOf(scenario));
    } catch (error) {
      checkError(error, scenario.refused ?? {});
      return;
    }
    throw new Error("the client took the options");
  });
});

describe("scenarios of both clients with a real gateway", () => {
  const gateway = new Gateway();
  let relay: Relay;

  beforeAll(async () => {
    gateway.migrate();
    await gateway.start();
    relay = new Relay(gateway.port);
    await relay.start();
  });

  afterAll(async () => {
    relay.stop();
    await gateway.remove();
  });

  const tokenOf = (user: string) => gateway.run("token", "--user", user, "--dev").trim();

  const transports = [{ WebSocket: WebSocket as unknown as SocketConstructor }, { transport: "sse" as const }];
  const cases = scenarios("real").flatMap((scenario) =>
    transports.map((transport) => ({ over: Object.keys(transport)[0], transport, scenario, name: scenario.name })),
  );

  it.each(cases)("$name, with the option $over", async ({ over, transport, scenario }) => {
    relay.chunk = scenario.chunk;
    const options = { ...transport, random: () => 0, ...optionsOf(scenario) };
    const client = connect(relay.url, options);
    await eventually(() => expect(client.status).toBe("open"));
    await new RealPlayer(relay, client, tokenOf).play(ownRoom(scenario, over));
  });
});
