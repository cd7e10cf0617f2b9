"""What an engine tells its health, for tests of servers that stand still."""

from __future__ import annotations

import pytest

from tidegate.engines.health import Health


def losses(health: Health, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """From now on, for how long something had waited each time that the engine was found to be away."""
    found: list[float] = []
    lost = health.lost

    def noted(unanswered: float = 0.0) -> None:
        found.append(unanswered)
        lost(unanswered)

    monkeypatch.setattr(health, "lost", noted)
    return found
