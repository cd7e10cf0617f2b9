"""How long the end of the process waits, for the gateway and for what the application has left behind."""

from __future__ import annotations

import time

from tidegate.ending import AFTER_STOP_S, Ending


class Asked(Ending):
    """Its thread ends at once: the test asks in its place."""

    def _watch(self) -> None:
        return


def test_threads_of_the_application_get_no_more_than_the_time_of_the_stop() -> None:
    ending = Asked(graceful=5.0)
    before = time.monotonic()
    with ending:
        ending.signalled()
    stopped, deadline = ending._stopped()
    assert stopped
    assert before + 5.0 <= deadline <= time.monotonic() + 5.0


def test_a_gateway_that_has_not_stopped_gets_a_second_more() -> None:
    ending = Asked(graceful=-AFTER_STOP_S)
    ending.signalled()
    stopped, deadline = ending._stopped()
    assert not stopped
    assert deadline <= time.monotonic()
