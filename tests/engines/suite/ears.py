"""What a gateway of a case hears from other gateways, by kind: in the place of `gateway.engine_listener`."""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.suite.under_test import Gateway


class Ears:
    """Of one gateway, whose `Heard` hears these texts no more."""

    def __init__(self, gateway: Gateway) -> None:
        self._kinds: dict[str, Callable[[str], None]] = {}
        gateway.heard.told = lambda kind, text: self._kinds[kind](text)  # type: ignore[method-assign]

    def on_told(self, kind: str, does: Callable[[str], None]) -> None:
        self._kinds[kind] = does
