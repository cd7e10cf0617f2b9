"""The pytest fixture `gateway`: `pytest_plugins = ["tidegate.testing.plugin"]` in `conftest.py`.

What it runs is what the fixture `tidegate_application` returns: the arguments of `running`. Without one, it is the
application of the working directory: `schema/`, with `schema/seed.json` if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.gateway import TestingGateway
from tidegate.testing.launch import running


@pytest.fixture(scope="session")
def tidegate_application() -> dict[str, Any]:
    """The arguments of `running`. A test suite overrides it."""
    seed = Path("schema", "seed.json")
    return {"schema": "schema", "seed": seed if seed.exists() else None}


@pytest.fixture
def gateway(tidegate_application: dict[str, Any]) -> Iterator[TestingGateway]:
    """A gateway with a new database."""
    with running(**tidegate_application) as found:
        yield found
