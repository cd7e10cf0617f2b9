"""Revocations: which tokens they refuse, and that there is a limit to them which forgets none too early."""

from __future__ import annotations

import pytest

from tidegate.core import revocations
from tidegate.core.errors import Refused
from tidegate.core.identities import NO_PROOF, Proof
from tidegate.core.revocations import Revocation, Revocations


def kept(*given: Revocation) -> Revocations:
    made = Revocations()
    for revocation in given:
        made.add(revocation)
    return made


def test_a_users_tokens_are_refused_up_to_the_moment_of_the_revocation() -> None:
    made = kept(Revocation("user", "ada", 100.0, 200.0))
    cases = {Proof(99.0): True, Proof(100.0): True, Proof(100.5): False, NO_PROOF: True}
    assert {proof: made.refuses("ada", proof) for proof in cases} == cases
    assert not made.refuses("bob", Proof(99.0))


def test_an_operator_names_a_moment_within_the_life_of_a_token_and_of_a_user_alone() -> None:
    made = Revocations(86_400.0)
    assert made.moment(None, 100.0, of_user=False) == 100.0
    assert [made.moment(until, 100.0, of_user=True) for until in (None, 7.0, 86_500.0)] == [100.0, 7.0, 86_500.0]
    for until, of_user, complaint in ((86_500.1, True, "at most 1 days"), (7.0, False, "goes with a user")):
        with pytest.raises(Refused, match=complaint):
            made.moment(until, 100.0, of_user=of_user)


def test_a_token_is_refused_by_its_id() -> None:
    made = kept(Revocation("token", "t1", 100.0, 200.0))
    assert made.refuses("ada", Proof(150.0, "t1"))
    assert not made.refuses("t1", Proof(50.0, "t2"))
    with pytest.raises(Refused, match="revoked") as refused:
        made.check("ada", Proof(150.0, "t1"))
    assert refused.value.code == "unauthenticated"


def test_of_two_revocations_the_later_moment_and_the_later_end_count() -> None:
    made = kept(Revocation("user", "ada", 100.0, 300.0), Revocation("user", "ada", 90.0, 400.0))
    assert made.refuses("ada", Proof(100.0))
    made.forget_ended(399.0)
    assert len(made) == 1
    made.forget_ended(400.0)
    assert not made.refuses("ada", Proof(1.0))


def test_a_revocation_beyond_the_limit_is_refused_until_others_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "LIMIT", 2)
    made = kept(Revocation("user", "ada", 1.0, 10.0), Revocation("user", "bob", 1.0, 20.0))
    one_more = Revocation("user", "cy", 1.0, 30.0)
    made.check_room(Revocation("user", "ada", 2.0, 30.0), 5.0)
    with pytest.raises(Refused) as refused:
        made.check_room(one_more, 5.0)
    assert refused.value.code == "limit_reached"
    made.add(one_more)
    assert len(made) == 2, "another gateway may know more than this one"
    made.check_room(one_more, 10.0)
