from __future__ import annotations

import pytest

from tests.core.rows.kit import new_protocol
from tidegate.core.protocol import Protocol


@pytest.fixture
def protocol() -> Protocol:
    return new_protocol()
