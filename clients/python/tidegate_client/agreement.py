"""Whether the gateway speaks the contract that the program's code was generated from.

Invariant: the client warns once, however often it reconnects. A difference ends nothing: most changes of a contract do
not concern a given program (`tidegate check compat` says which do).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

__all__ = ["Agreement"]

logger = logging.getLogger("tidegate_client")


class Agreement:
    """`contract`: the program's `app_contract.CONTRACT`; None for a program without one."""

    def __init__(self, url: str, contract: str | None) -> None:
        self._url = url
        self._contract = contract
        self._warned = False

    def compare(self, welcome: Mapping[str, Any]) -> None:
        """Warn if the gateway of this `welcome` has another contract, unless the client warned before."""
        theirs = welcome.get("contract")
        if self._warned or self._contract is None or theirs is None or theirs == self._contract:
            return
        self._warned = True
        logger.warning(
            "%s: the gateway's contract is %s, this program's code was generated from %s: run `tidegate generate` with "
            "the gateway's schema, and see `tidegate check compat` for what has changed",
            self._url,
            theirs,
            self._contract,
        )
