"""Tokens: guesses, giants, identities over and over again."""

from __future__ import annotations

from tests.attacks.plan import ATTACKER, Attack, Plan
from tests.attacks.table.frames import LOG, NO_RATE, TURNS, flood
from tests.attacks.wire import head, request, token

UNLIMITED = {**NO_RATE, "token_attempts": "0"}
WRONG = token("admin", "a-secret-that-the-gateway-does-not-have", roles=["admin"])
GIANT = "a." + "b" * 60_000 + ".c"
LONGEST = token("admin", "a-secret-that-the-gateway-does-not-have", about="x" * 5_900)
"""The schema allows 8,192 characters."""
NESTED = token("admin", "a-secret-that-the-gateway-does-not-have", deep=[[[[[[[[]]]]]]]] * 300)

TOKENS = (
    Attack("guessed-tokens", (flood(request("authenticate", token=WRONG), 10),), without=UNLIMITED, patch=TURNS),
    Attack(
        "guessed-tokens-in-handshakes",
        (Plan(20, head=lambda _: head(address=ATTACKER, token=WRONG), leaves=True, again=True),),
        without={**UNLIMITED, "address_connects": "0"},
        patch=LOG,
    ),
    Attack(
        "giant-tokens",
        (flood(request("authenticate", token=GIANT), 3), flood(request("authenticate", token=LONGEST), 10)),
        without=UNLIMITED,
        patch=TURNS,
    ),
    Attack("nested-tokens", (flood(request("authenticate", token=NESTED), 10),), without=UNLIMITED, patch=TURNS),
    Attack(
        "valid-tokens-over-and-over",
        (flood(request("authenticate", token=token("mallory")), 10),),
        without=UNLIMITED,
        patch=TURNS,
    ),
)
