"""The paths of the API: which operation a method at a path is.

Invariant: a path is found by its exact spelling; no two spellings lead to one operation but those of its values, and of
characters that a path may have as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from tidegate.contract import NEEDS_CONNECTION, Contract
from tidegate.contract.texts import did_you_mean
from tidegate.gateway.http.operations import MessageOperation, Operation
from tidegate.gateway.http.rows import CreateRow, DeleteRow, GetRow, ListRows, UpdateRow

RESOURCES = "/api/resources/"
MESSAGES = "/api/"

Operations = Mapping[str, Operation]
"""By method. `HEAD` is answered as `GET`."""


class Paths:
    """Those of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        # Found without decoding: a proxy that knows paths by their spelling sees the same operation.
        self._messages: dict[str, Operations] = {
            f"{MESSAGES}{spelling}": {"POST": MessageOperation(contract, name)}
            for name in contract.message_types
            if name not in NEEDS_CONNECTION
            for spelling in _spellings(name)
        }

    def find(self, path: str) -> Operations | None:
        """The operations at `path`; None where there is nothing."""
        if path.startswith(RESOURCES):
            return self._of_rows(path.removeprefix(RESOURCES).split("/"))
        return self._messages.get(path)

    def needs_connection(self, path: str) -> str | None:
        """The type of the message that `path` names, where it makes sense on a connection only."""
        name = path.removeprefix(MESSAGES)
        return name if name in NEEDS_CONNECTION else None

    def meant(self, path: str) -> str:
        """`; did you mean "..."?` where the first name in `path` is a misspelling, otherwise an empty text."""
        if path.startswith(RESOURCES):
            return did_you_mean(unquote(path.removeprefix(RESOURCES).split("/")[0]), self._contract.resources)
        return did_you_mean(unquote(path.removeprefix(MESSAGES)), self._contract.message_types)

    def methods(self, path: str) -> str:
        """The methods that `path` takes, as `Allow` says them. Empty where there is nothing."""
        found = self.find(path)
        if found is None:
            return ""
        return ", ".join([*found, *(["HEAD"] if "GET" in found else []), "OPTIONS"])

    def _of_rows(self, steps: list[str]) -> Operations | None:
        resource = self._contract.resources.get(unquote(steps[0]))
        if resource is None or not all(steps):
            return None
        if len(steps) == 1:
            return {"GET": ListRows(resource), "POST": CreateRow(self._contract, resource)}
        if len(steps) != 1 + len(resource.key):
            return None
        return {
            "GET": GetRow(resource, steps[1:]),
            "PATCH": UpdateRow(self._contract, resource, steps[1:]),
            "DELETE": DeleteRow(resource, steps[1:]),
        }


def _spellings(name: str) -> set[str]:
    """How clients write a type as a step of a path: percent-encoded wholly, or where a path needs it (RFC 3986)."""
    return {quote(name, safe=""), quote(name, safe="!$&'()*+,;=:@")}
