"""Reads by key that come in one turn of the event loop: they share a thread where the database is in this process."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

from tests.store.port.conftest import Database
from tidegate.core.budgets.payer import Payer
from tidegate.core.rows.ports import Store

PAYERS = [Payer(f"user {number}", f"c{number}") for number in range(8)]


async def test_reads_by_key_share_a_thread_in_sqlite_alone_and_each_payer_pays(
    database: Database, store: Store
) -> None:
    reads = cast("Any", store)._reads
    threads = await asyncio.gather(*(reads.by_key(threading.get_ident, payer) for payer in PAYERS))
    assert (len(set(threads)) == 1) is (database.kind == "sqlite")
    spent = cast("Any", store).spent
    assert spent.reads == len(PAYERS)
    assert all(spent.of(payer.connection) > 0 for payer in PAYERS)
