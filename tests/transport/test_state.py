"""The table of a connection's life: what every pair of a state and an event leads to."""

from __future__ import annotations

import pytest

from tidegate.transport.state import CLOSED, CLOSING, CONNECTING, ENDING, ESTABLISHED, LOST, NEXT, OPEN, Event, State


@pytest.mark.parametrize("state", State)
def test_every_state_says_what_follows_when_the_connection_ends_or_is_lost(state: State) -> None:
    assert {ENDING, LOST} <= NEXT[state].keys()
    assert NEXT[state][LOST] is CLOSED


def test_only_a_connecting_websocket_can_be_established() -> None:
    assert [state for state in State if ESTABLISHED in NEXT[state]] == [CONNECTING]
    assert {(state, event) for state in State for event in Event if NEXT[state].get(event) is OPEN} == {
        (CONNECTING, ESTABLISHED)
    }


def test_only_an_open_websocket_has_a_closing_handshake() -> None:
    assert {state for state in State if NEXT[state][ENDING] is CLOSING} == {OPEN, CLOSING}


def test_nothing_leads_out_of_closed() -> None:
    assert set(NEXT[CLOSED].values()) == {CLOSED}
