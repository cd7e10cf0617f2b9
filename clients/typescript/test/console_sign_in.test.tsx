// @vitest-environment happy-dom
// A page of the console that has a token: what it does where the gateway does not take it.

import { beforeEach, describe, expect, it } from "vitest";
// @ts-expect-error the console is JavaScript
import { Refused } from "../../../server/tidegate/console/connection.js";
// @ts-expect-error the console is JavaScript
import { SignIn } from "../../../server/tidegate/console/sign_in.js";

const GUEST = { id: "anon-1", name: "Guest", anonymous: true, roles: [] };
const PLACE = "tidegate.token";

async function begin(code: string, temporary: boolean): Promise<string> {
  const request = async () => {
    throw new Refused({ code, message: "no", temporary });
  };
  await new SignIn({ development: null }, { request }, () => {}).begin(GUEST);
  return document.querySelector("dialog .why")?.textContent ?? "";
}

beforeEach(() => {
  document.body.innerHTML = '<button id="user"></button>';
  sessionStorage.setItem(PLACE, "t");
});

describe("a token that the gateway does not take", () => {
  it("is thrown away where it is not valid", async () => {
    expect(await begin("unauthenticated", false)).toBe("You are signed out: no.");
    expect(sessionStorage.getItem(PLACE)).toBeNull();
  });

  it("stays where the gateway cannot look at it for the moment", async () => {
    expect(await begin("rate_limited", true)).toBe("You are not signed in for the moment: no.");
    expect(sessionStorage.getItem(PLACE)).toBe("t");
  });
});
