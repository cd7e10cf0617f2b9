"""How long the end of the process waits, for the gateway and for what the application has left behind."""

from __future__ import annotations

import threading
import time

import pytest

from tidegate import ending
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


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["tidegate-hook-crm_0"], "threads that receivers of webhooks hold up: tidegate-hook-crm_0"),
        (["tidegate-write_0"], "threads that the database holds up: tidegate-write_0"),
        (
            ["tidegate-hook-crm_0", "tidegate-hooks-outbox_0"],
            "the database holds up: tidegate-hook-crm_0, tidegate-hoo",
        ),
        (["mine", "tidegate-write_0"], "threads of the application: mine"),
        ([], "`atexit` functions of the application"),
    ],
)
def test_the_log_names_what_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, names: list[str], said: str) -> None:
    release = threading.Event()
    threads = [threading.Thread(target=release.wait, name=name, daemon=False) for name in names]
    for thread in threads:
        thread.start()
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread(), *threads])
    try:
        assert said in ending._threads_left()
    finally:
        release.set()
        for thread in threads:
            thread.join()
