"""The paths of messages: how the type of a message is spelled in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tidegate.gateway.http.paths import Paths

CONTRACT: Any = SimpleNamespace(
    message_types=("ping", "join", "größe", "shop:buy", "a/b", "100%"), custom_messages={}, resources={}
)


def test_a_type_is_found_as_it_is_spelled_in_a_path() -> None:
    paths = Paths(CONTRACT)
    for spelled in ("ping", "gr%C3%B6%C3%9Fe", "shop:buy", "shop%3Abuy", "a%2Fb", "100%25"):
        assert paths.find(f"/api/{spelled}") is not None, spelled
        assert paths.methods(f"/api/{spelled}") == "POST, OPTIONS"


def test_another_spelling_is_no_path() -> None:
    paths = Paths(CONTRACT)
    for spelled in (
        "join",
        "%70ing",
        "a/b",
        "a%252Fb",
        "100%",
        "gr%c3%b6%c3%9fe",
        "gr\u00f6\u00dfe",
        "%FF",
        "",
        "ping/",
    ):
        assert paths.find(f"/api/{spelled}") is None, spelled
    assert paths.needs_connection("/api/join") == "join"
    assert paths.find("ping") is None


def test_a_misspelt_path_is_answered_with_the_name_that_was_meant() -> None:
    contract: Any = SimpleNamespace(
        message_types=("ping", "move_card"), custom_messages={}, resources={"cards": None, "people": None}
    )
    paths = Paths(contract)
    for path, meant in (
        ("/api/movecard", "move_card"),
        ("/api/pong", "ping"),
        ("/api/resources/card", "cards"),
        ("/api/resources/card/7", "cards"),
    ):
        assert paths.meant(path) == f'; did you mean "{meant}"?', path
    for path in ("/api/", "/api/nothing", "/api/resources/", "/api/resources/boats", "/api/%FF", "/api/" + "a" * 5000):
        assert paths.meant(path) == "", path
