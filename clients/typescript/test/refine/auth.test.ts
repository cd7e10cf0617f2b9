// The authentication provider over a real gateway, and rows whose key is not `id`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Client } from "../../src/index.js";
import { authProvider, dataProvider, liveProvider } from "../../src/refine/index.js";
import { counted } from "../support/counting.js";
import { eventually } from "../support/eventually.js";
import { Gateway } from "../support/gateway.js";

const SCHEMA = {
  $schema: "../meta/resource.schema.json",
  title: "Membership",
  description: "A user in a team.",
  "x-resource": { table: "memberships", key: ["user_id", "team"] },
  "x-access": { read: "anyone", create: "anyone", update: "anyone", delete: "role:admin" },
  type: "object",
  properties: {
    user_id: { type: "integer", description: "The user.", minimum: 1, maximum: 1000 },
    team: { type: "string", description: "The team." },
    level: { type: "integer", description: "How much the user may do.", minimum: 0, maximum: 9 },
  },
  required: ["user_id", "team", "level"],
  additionalProperties: false,
};
const KEYS = { memberships: ["user_id", "team"] };

const gateway = new Gateway(["--schema", "schema"]);
const clients: Client[] = [];

function open(token?: string): Client {
  const { client } = counted(gateway.url, { keys: KEYS, ...(token !== undefined && { token }) });
  clients.push(client);
  return client;
}

const tokenOf = (...roles: string[]) =>
  gateway.run("token", "--user", "ann", ...roles.flatMap((role) => ["--role", role]), "--dev").trim();

beforeAll(async () => {
  mkdirSync(join(gateway.folder, "schema", "resources"), { recursive: true });
  writeFileSync(join(gateway.folder, "schema", "resources", "memberships.schema.json"), JSON.stringify(SCHEMA));
  gateway.run("migrate", "--schema", "schema");
  await gateway.start();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await gateway.remove();
});

describe("the authentication provider", () => {
  it("sends a guest to the login page, and a user with a token in", async () => {
    const guest = authProvider(open(), { login: () => "", loginPage: "/welcome" });
    expect(await guest.check()).toEqual({ authenticated: false, redirectTo: "/welcome" });
    expect([await guest.getIdentity(), await guest.getPermissions()]).toEqual([null, undefined]);
    const user = authProvider(open(tokenOf("admin")), { login: () => "" });
    expect(await user.check()).toEqual({ authenticated: true });
    expect(await user.getIdentity()).toMatchObject({ id: "ann", roles: ["admin"] });
    expect(await user.getPermissions()).toEqual(["admin"]);
  });

  it("sends a user whose token is not valid to the login page", async () => {
    expect(await authProvider(open("wrong"), { login: () => "" }).check()).toEqual({
      authenticated: false,
      redirectTo: "/login",
    });
  });

  it("logs in with a token that the program gets, and out", async () => {
    const client = open();
    const forgotten: string[] = [];
    const provider = authProvider(client, {
      login: async ({ password }: { password: string }) => (password === "secret" ? tokenOf("editor") : "wrong"),
      logout: () => void forgotten.push("token"),
    });
    expect(await provider.login({ password: "no" })).toMatchObject({ success: false, error: { statusCode: 401 } });
    expect(await provider.check()).toMatchObject({ authenticated: false });
    expect(await provider.login({ password: "secret" })).toEqual({ success: true, redirectTo: "/" });
    expect(await provider.getIdentity()).toMatchObject({ id: "ann", roles: ["editor"] });
    expect(await provider.logout({})).toEqual({ success: true, redirectTo: "/login" });
    expect(await provider.check()).toMatchObject({ authenticated: false });
    expect([forgotten, await provider.getIdentity()]).toEqual([["token"], null]);
  });

  it("logs out at 401, and asks a guest to log in at 403", async () => {
    const [guest, user] = [open(), open(tokenOf("editor"))];
    await Promise.all([guest.ping(), user.ping()]);
    const on = (client: Client, statusCode: number) =>
      authProvider(client, { login: () => "" }).onError({ statusCode, message: "" });
    expect(await on(user, 401)).toMatchObject({ logout: true, redirectTo: "/login" });
    for (const code of [401, 403]) expect(await on(guest, code)).toMatchObject({ logout: false, redirectTo: "/login" });
    const left = authProvider(user, { login: () => "" });
    await left.logout({});
    expect(await left.onError({ statusCode: 401, message: "" })).toMatchObject({ logout: false, redirectTo: "/login" });
    expect(await on(user, 403)).toEqual({ error: { statusCode: 403, message: "" } });
    expect(await on(user, 422)).not.toHaveProperty("redirectTo");
    const refused = await dataProvider(user)
      .deleteOne({ resource: "memberships", id: '{"user_id":1,"team":"x"}' })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ statusCode: 403 });
  });
});

describe("a key of several properties", () => {
  it("is one id for refine", async () => {
    const provider = dataProvider(open(tokenOf("admin")));
    const variables = { user_id: 7, team: "red, green/blue", level: 1 };
    const { data: row } = await provider.create({ resource: "memberships", variables });
    const id = row.id as string;
    expect(row).toMatchObject(variables);
    expect((await provider.getOne({ resource: "memberships", id })).data).toEqual({ id, ...variables });
    const changed = await provider.update({ resource: "memberships", id, variables: { id, level: 2 } });
    expect(changed.data).toEqual({ id, ...variables, level: 2 });
    expect((await provider.getMany({ resource: "memberships", ids: [id] })).data).toHaveLength(1);

    const watching = open();
    const ids: unknown[] = [];
    const live = liveProvider(watching);
    const token = live.subscribe({
      channel: "resources/memberships",
      types: ["*"],
      params: { ids: [id] },
      callback: ({ type, payload }) => ids.push(type, payload.ids),
    });
    // The answer to a request after `subscribe` comes after the subscription began.
    await watching.ping();
    await dataProvider(watching).getList({ resource: "memberships" });
    expect((await provider.deleteOne({ resource: "memberships", id })).data).toMatchObject({ id });
    await eventually(() => expect(ids).toEqual(["deleted", [id]]));
    live.unsubscribe(token);
  });
});
