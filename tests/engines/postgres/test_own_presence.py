"""What a gateway tells the database of its users when that is back: each thing once, as it is then."""

from __future__ import annotations

import asyncio

import pytest

from tidegate.engines.postgres.own_presence import OwnPresence
from tidegate.engines.postgres.wishes import CLOSE, PRESENCE, SETTLE, Wish

Said = list[tuple[str, str, str, bytes]]


def again(presence: OwnPresence, *, everything: bool = False) -> Said:
    return [(wish.kind, wish.room, wish.who, wish.parts.head) for wish in presence.said_again(everything=everything)]


def two_users() -> OwnPresence:
    """The database knows both."""
    presence = OwnPresence()
    for user in ("ada", "bob"):
        presence.set("r", user, user.encode())
    return presence


def test_a_database_that_has_everything_is_told_nothing() -> None:
    assert again(two_users()) == []


def test_what_changed_meanwhile_is_said_once_as_it_is_now() -> None:
    presence = two_users()
    for entry in (b"away", b"", b"back"):
        presence.later(presence.set("r", "ada", entry))
    presence.later(presence.set("r", "bob", b""))
    presence.later(Wish(CLOSE, "left", ttl=7))
    presence.later(Wish(CLOSE, "left", ttl=9))
    closed, *said = presence.said_again(everything=False)
    assert (closed.kind, closed.room, closed.ttl) == (CLOSE, "left", 9)
    assert [(wish.kind, wish.who, wish.parts.head) for wish in said] == [
        (PRESENCE, "ada", b"back"),
        (PRESENCE, "bob", b""),
    ]
    assert again(presence) == [], "it was said"


@pytest.mark.parametrize("unsettled", [False, True])
def test_a_database_that_may_have_other_entries_is_told_all_and_that_this_is_all(unsettled: bool) -> None:
    presence = two_users()
    presence.later(presence.set("r", "bob", b""))
    if unsettled:
        presence.later(Wish(SETTLE, ""))
    assert again(presence, everything=not unsettled) == [
        (PRESENCE, "r", "ada", b"ada"),
        (PRESENCE, "r", "bob", b""),  # its answer says that the database has nothing of bob any more
        (SETTLE, "", "", b""),
    ]
    assert again(presence) == []


@pytest.mark.parametrize("everything", [False, True])
def test_users_that_the_database_lost_are_said_once_also_where_they_are_gone(everything: bool) -> None:
    presence = two_users()
    presence.later(presence.set("r", "bob", b""))
    presence.lost({("r", "bob"), ("s", "eve")})
    said = [(user, entry) for kind, _, user, entry in again(presence, everything=everything) if kind == PRESENCE]
    assert said == [*([("ada", b"ada")] if everything else []), ("bob", b""), ("eve", b"")]
    assert again(presence) == []


def test_nothing_is_kept_of_users_who_came_and_went_while_the_database_was_away() -> None:
    presence = two_users()
    for user in ("eve", "kim"):
        presence.later(presence.set("r", user, b"here"), had=False)
    for user, had in (("eve", False), ("bob", True)):
        presence.later(presence.set("r", user, b""), had=had)
    assert again(presence) == [(PRESENCE, "r", "kim", b"here"), (PRESENCE, "r", "bob", b"")]


def test_a_user_whose_wish_was_under_way_is_said_again_also_where_the_user_went() -> None:
    presence = two_users()
    presence.later(presence.set("r", "eve", b"here"))
    presence.later(presence.set("r", "eve", b""), had=False)
    assert again(presence) == [(PRESENCE, "r", "eve", b"")]


@pytest.mark.parametrize("everything", [False, True])
def test_nothing_is_said_for_a_gateway_that_leaves(everything: bool) -> None:
    presence = two_users()
    presence.later(presence.set("r", "ada", b"away"))
    presence.forget()
    assert again(presence, everything=everything) == ([(SETTLE, "", "", b"")] if everything else [])


async def test_the_caller_of_a_change_that_is_said_later_waits_no_more() -> None:
    presence = OwnPresence()
    wish = presence.set("r", "ada", b"here")
    wish.answer = asyncio.get_running_loop().create_future()
    presence.later(wish)
    assert wish.answer.result() is None
