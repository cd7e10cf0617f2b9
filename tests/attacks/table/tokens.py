"""Tokens: guesses, giants, identities over and over again."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan
from tests.attacks.table.frames import NO_RATE, flood
from tests.attacks.wire import head, request, token

UNLIMITED = {**NO_RATE, "token_attempts": "0"}
WRONG = token("admin", "a-secret-that-the-gateway-does-not-have", roles=["admin"])
GIANT = "a." + "b" * 60_000 + ".c"
NESTED = token("admin", "a-secret-that-the-gateway-does-not-have", deep=[[[[[[[[]]]]]]]] * 500)

TOKENS = (
    Attack("guessed-tokens", (flood(request("authenticate", token=WRONG), 10),), without=UNLIMITED),
    Attack(
        "guessed-tokens-in-handshakes",
        (Plan(20, head=lambda _: head(address=ATTACKER, token=WRONG), waits=False, again=True),),
        without={**UNLIMITED, "address_connects": "0"},
    ),
    Attack("giant-tokens", (flood(request("authenticate", token=GIANT), 10),), without=UNLIMITED),
    Attack("nested-tokens", (flood(request("authenticate", token=NESTED), 10),), without=UNLIMITED),
    Attack(
        "valid-tokens-over-and-over", (flood(request("authenticate", token=token("mallory")), 10),), without=UNLIMITED
    ),
)
