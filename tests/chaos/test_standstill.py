"""A gateway that is stopped by SIGSTOP for a moment; `make chaos` stops it for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.standstill import stand_still
from tests.clients.reconnects.run import play, report
from tests.support.node import built_client, node

SECONDS = 2.2
"""More than what counts as a standstill, and more than the grace of a page that is loaded again."""


@pytest.mark.process
@pytest.mark.slow
async def test_no_client_is_wronged_by_a_standstill_and_both_clients_go_on(tmp_path: Path) -> None:
    built_client()
    found = await play(tmp_path, node(), 0, 1, 1, lambda gateway: stand_still(gateway, SECONDS))
    assert not any(seen.violations for seen in found.values()), report(found)
