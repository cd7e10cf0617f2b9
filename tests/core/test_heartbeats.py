"""Heartbeats and the ends of tokens, on a clock that the test moves."""

from __future__ import annotations

import itertools

import pytest
from msgspec import UNSET, UnsetType

from tidegate.core.closes import TOKEN_REFRESH
from tidegate.core.effects import Close, Effect, Push, Reply
from tidegate.core.heartbeats import Heartbeats
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition, Goodbye, Heartbeat, Principal

POSITION = FeedPosition(epoch="e", seq=7)


class Beats:
    """Heartbeats of ten seconds, and which sessions were told what and when."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.behind: set[str] = set()
        self.sent: list[tuple[float, list[str], Heartbeat]] = []
        self.ended: list[Effect] = []
        self.heartbeats = Heartbeats(10, self._position, self.now)

    def _position(self, session: Session) -> FeedPosition | UnsetType:
        return UNSET if session.id in self.behind else POSITION

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.now += 0.05
            for effect in self.heartbeats.tick(self.now):
                if isinstance(effect, Push):
                    assert isinstance(effect.message, Heartbeat)
                    self.sent.append((self.now, list(effect.sinks), effect.message))
                else:
                    self.ended.append(effect)

    def times(self, name: str) -> list[float]:
        return [now for now, sinks, _ in self.sent if name in sinks]


def session(name: str) -> Session:
    return Session(name, name, Principal(id=name, name=name, roles=[], anonymous=False))


@pytest.fixture
def beats() -> Beats:
    return Beats()


def test_each_session_is_told_the_time_once_an_interval_and_first_a_whole_one_after_it_came(beats: Beats) -> None:
    beats.heartbeats.add(session("early"))
    beats.pass_time(4.5)
    beats.heartbeats.add(session("late"))
    beats.pass_time(35.0)
    for name, came in (("early", 1000.0), ("late", 1004.5)):
        times = beats.times(name)
        assert len(times) == 3
        assert all(abs(later - sooner - 10) < 0.2 for sooner, later in itertools.pairwise(times))
        assert 9 < times[0] - came < 10.2
    assert all(beat.position == POSITION for _, _, beat in beats.sent)
    assert [beat.time for _, _, beat in beats.sent] == [int(now * 1000) for now, _, _ in beats.sent]


def test_a_session_that_is_behind_is_told_no_position(beats: Beats) -> None:
    beats.behind.add("behind")
    for name in ("behind", "current"):
        beats.heartbeats.add(session(name))
    beats.pass_time(10.5)
    (current,) = [beat for _, sinks, beat in beats.sent if sinks == ["current"]]
    assert current.position == POSITION
    (silent,) = [beat for _, sinks, beat in beats.sent if sinks == ["behind"]]
    assert silent == Heartbeat(time=silent.time)


def test_a_session_that_ended_is_told_nothing_and_may_end_twice(beats: Beats) -> None:
    gone = session("gone")
    beats.heartbeats.add(gone)
    beats.heartbeats.discard(gone)
    beats.heartbeats.discard(gone)
    beats.pass_time(20)
    assert (beats.sent, beats.ended) == ([], [])


def test_a_token_that_ends_is_noticed_once_within_a_second_unless_it_was_renewed(beats: Beats) -> None:
    ending, renewed, endless, made_endless = (session(name) for name in ("ending", "renewed", "endless", "made"))
    ending.expires_at = renewed.expires_at = made_endless.expires_at = 1005.0
    for each in (ending, renewed, endless, made_endless):
        beats.heartbeats.add(each)
    renewed.expires_at, made_endless.expires_at = 2000.0, None
    beats.heartbeats.renew(renewed)
    beats.heartbeats.renew(made_endless)
    beats.pass_time(4.9)
    assert beats.ended == []
    beats.pass_time(1.2)
    goodbye, close = beats.ended
    assert goodbye == Reply(ending, Goodbye(code=4202, reason="the token has expired", retry_after=0))
    assert close == Close(ending, TOKEN_REFRESH, "the token has expired")
    beats.pass_time(30)
    assert len(beats.ended) == 2


def test_heartbeats_go_on_after_the_clock_was_set_back_or_forward(beats: Beats) -> None:
    beats.heartbeats.add(session("one"))
    for jump in (-3600.0, 3600.0):
        beats.now += jump
        before = len(beats.sent)
        beats.pass_time(11)
        assert 1 <= len(beats.sent) - before <= 2
