// The users of a fake gateway: those of tokens, and of programs that give none.

import type { Principal } from "../../../../generated/typescript/protocol.js";

/** A user as a test writes it. */
export type FakeUser = Partial<Principal> & { id: string };

/** A user with all that a test may leave out. */
export function whole(user: FakeUser): Principal {
  return { name: user.id, roles: [], anonymous: false, ...user };
}

/** The user of a JWT, unchecked; a token of any other form is the id of the user itself. */
export function claimsOf(token: string): FakeUser {
  try {
    const text = atob((token.split(".")[1] as string).replace(/-/g, "+").replace(/_/g, "/"));
    const {
      sub: id,
      name,
      roles,
    } = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    return { id, ...(name ? { name } : {}), ...(roles ? { roles } : {}) };
  } catch {
    return { id: token };
  }
}
