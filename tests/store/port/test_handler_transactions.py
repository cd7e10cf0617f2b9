"""The transaction of a handler that is not waited for any more, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from tests.store.port.conftest import Database
from tests.support.deadlines import DEADLINE_S
from tidegate.store import transactions
from tidegate.store.call_database import CallDatabase, TransactionOver


def test_a_handler_that_ends_while_its_transaction_is_being_ended_waits_for_that(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise it would close the connection under the thread that ends it."""
    every = transactions.Transactions(database.url, database.resources)
    begun = every.begin("7", None)
    ending, goes_on, end = threading.Event(), threading.Event(), transactions.end_connection

    def slowly(connection: CallDatabase) -> None:
        ending.set()
        goes_on.wait(DEADLINE_S)
        end(connection)

    monkeypatch.setattr(transactions, "end_connection", slowly)
    with ThreadPoolExecutor() as threads:
        aborting = threads.submit(begun.abort)
        assert ending.wait(DEADLINE_S)
        committing = threads.submit(begun.commit)
        early, _ = wait([committing], timeout=0.05)
        goes_on.set()
        with pytest.raises(TransactionOver):
            committing.result(DEADLINE_S)
        aborting.result(DEADLINE_S)
    every.close()
    assert not early
    assert caplog.text == ""
