// refine's authentication provider: who the gateway says the user is.
//
// The client keeps the token that `login` brings, and gives it on later connections too. Where to keep it over a reload of
// the page is the program's concern.

import type { AuthProvider, HttpError } from "@refinedev/core";
import type { Principal } from "../../../../generated/typescript/protocol.js";
import type { Client } from "../client.js";
import type { AppContract } from "../types.js";
import { httpError } from "./failures.js";

export interface AuthProviderOptions<Params> {
  /** Get a token for what the login page sends; rejects where that is wrong. */
  login: (params: Params) => string | Promise<string>;
  /** Forget the token where the program keeps it. The connection stays that user's until the page is gone. */
  logout?: () => void | Promise<void>;
  /** Where a user goes who is not signed in; "/login" if not given. */
  loginPage?: string;
}

/** An authentication provider for `<Refine>`. */
export function authProvider<A extends AppContract, Params = Record<string, unknown>>(
  client: Client<A>,
  { login, logout, loginPage: redirectTo = "/login" }: AuthProviderOptions<Params>,
): Required<Pick<AuthProvider, "login" | "logout" | "check" | "onError" | "getIdentity" | "getPermissions">> {
  let left = false;
  /** The user, if there is one who signed in. Waits for the first connection. */
  const signedIn = async (): Promise<Principal | undefined> => {
    if (!client.user) await client.ping().catch(() => {});
    return left || client.user?.anonymous ? undefined : client.user;
  };
  return {
    async login(params: Params) {
      try {
        await client.authenticate(await login(params));
        left = false;
        return { success: true, redirectTo: "/" };
      } catch (error) {
        return { success: false, error: httpError(error) as HttpError };
      }
    },
    async logout() {
      left = true;
      await logout?.();
      return { success: true, redirectTo };
    },
    check: async () => ((await signedIn()) ? { authenticated: true } : { authenticated: false, redirectTo }),
    /**
     * 401: the token is no longer valid. 403 sends only users to the login page who have not signed in yet.
     * A guest, or a user who has left, is not signed out once more: refine would read again, and get the next 401.
     */
    async onError(error: HttpError) {
      const invalid = error.statusCode === 401;
      const mayHelp = invalid || (error.statusCode === 403 && client.user?.anonymous);
      const signsOut = invalid && !left && !client.user?.anonymous;
      return { error, ...(mayHelp && { logout: signsOut, redirectTo }) };
    },
    getIdentity: async () => (await signedIn()) ?? null,
    getPermissions: async () => (await signedIn())?.roles,
  };
}
