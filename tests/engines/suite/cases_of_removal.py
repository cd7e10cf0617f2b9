"""The operator ends connections and tokens: each gateway of the engine does it, whichever was asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from tests.engines.suite.case import case, refuses
from tests.engines.suite.ears import Ears
from tests.engines.suite.under_test import Ability, Gateway, House
from tidegate.core.closes import DRAIN, FORBIDDEN, UNAUTHENTICATED
from tidegate.core.identities import Proof
from tidegate.core.revocations import Revocations
from tidegate.core.session import Session
from tidegate.gateway.removal import Removal
from tidegate_protocol import Principal

NOW = 1000.0
ADA, BOB = "user äda", "bob"


class Clients:
    """In the place of `core.sessions`: the clients of one gateway, and how each was sent away."""

    def __init__(self, name: str) -> None:
        self.ended: list[tuple[str, int]] = []
        self._here: list[Session] = []
        for user, issued in ((ADA, NOW - 100), (ADA, NOW + 100), (BOB, NOW - 100)):
            known = Principal(id=user, name=user, roles=[], anonymous=False)
            session = Session(f"{name}.{len(self._here)}", None, known)
            session.proof = Proof(issued, f"token of {session.id}")
            self._here.append(session)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._here)

    def of_user(self, user: str) -> Collection[Session]:
        return [session for session in self._here if session.user.id == user]

    def remove(self, found: Iterable[Session], code: int, *_: object) -> tuple[()]:
        self.ended += [(session.id, code) for session in found]
        self._here = [session for session in self._here if session not in found]
        return ()


def operated(gateway: Gateway, name: str) -> tuple[Removal, Clients, Revocations]:
    revocations = Revocations()
    clients: Any = Clients(name)
    ears: Any = Ears(gateway)
    run: Callable[[object], None] = lambda _: None  # noqa: E731  # the effects are in `ended`
    removal = Removal(clients, revocations, gateway.engine, ears, run, lambda: NOW, lambda: 0.0)
    return removal, clients, revocations


def old(jti: str = "") -> Proof:
    return Proof(NOW - 1, jti)


@case()
async def revoked_tokens_are_refused_by_the_gateway_that_was_asked_at_once(house: House) -> None:
    removal, clients, revocations = operated(await house.start(), "a")
    await removal.revoke(user=ADA)
    assert clients.ended == [("a.0", UNAUTHENTICATED)]
    assert (revocations.refuses(ADA, old()), revocations.refuses(BOB, old())) == (True, False)
    await removal.revoke(jti="token of a.2")
    assert clients.ended[1:] == [("a.2", UNAUTHENTICATED)]
    assert revocations.refuses(BOB, old("token of a.2"))
    await removal.revoke(user=ADA, until=NOW + 200)
    assert clients.ended[2:] == [("a.1", UNAUTHENTICATED)], "its token was issued before that moment"
    with refuses("invalid_message"):
        await removal.revoke(jti="t", until=NOW)
    removal.end()


@case()
async def a_disconnected_user_loses_its_connections_at_the_gateway_that_was_asked(house: House) -> None:
    removal, clients, revocations = operated(await house.start(), "a")
    removal.disconnect(user=ADA)
    await house.until(lambda: len(clients.ended) == 2, "both connections ended")
    removal.disconnect(connection="a.2", code=DRAIN)
    await house.until(lambda: len(clients.ended) == 3, "the connection ended")
    assert clients.ended == [("a.0", FORBIDDEN), ("a.1", FORBIDDEN), ("a.2", DRAIN)]
    assert len(revocations) == 0, "the tokens stay good"


@case(Ability.SEVERAL)
async def what_is_revoked_and_ended_at_one_gateway_is_so_at_another(house: House) -> None:
    one, two = await house.two()
    removal, here, _ = operated(one, "a")
    _, there, revocations = operated(two, "b")
    await removal.revoke(user=ADA)
    await house.until(lambda: there.ended == [("b.0", UNAUTHENTICATED)], "the other gateway refuses older tokens")
    assert (revocations.refuses(ADA, old()), revocations.refuses(ADA, Proof(NOW + 1))) == (True, False)
    await removal.revoke(jti="t")
    await house.until(lambda: revocations.refuses(BOB, old("t")), "the other gateway refuses the token")
    removal.disconnect(connection="b.2")
    await house.until(lambda: there.ended[1:] == [("b.2", FORBIDDEN)], "a connection of the other gateway ended")
    removal.disconnect(user=ADA, code=DRAIN)
    await house.until(lambda: there.ended[2:] == [("b.1", DRAIN)], "the user's connection ended")
    await house.until(lambda: here.ended == [("a.0", UNAUTHENTICATED), ("a.1", DRAIN)], "here, too")


@case(Ability.SEVERAL)
async def many_revocations_reach_another_gateway(house: House) -> None:
    one, two = await house.two()
    removal, _, _ = operated(one, "a")
    _, _, revocations = operated(two, "b")
    for number in range(200):
        await removal.revoke(user=f"{number} " + "ü" * 200)
    await house.until(lambda: len(revocations) == 200, "all of them")
