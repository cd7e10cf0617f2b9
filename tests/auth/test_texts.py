"""Ids and names of users: none hides, reorders or breaks the text around it."""

from __future__ import annotations

from tidegate.auth.texts import BIDIRECTIONAL, ID_LIMIT, proper_id, proper_name

CONTROLS = ("\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800")


def test_id_has_no_control_invisible_or_bidirectional_character() -> None:
    good = [
        "7",
        "auth0|65f1c0ffee",
        "ada@example.com",
        "Zo\u00eb",
        "\u674e\u96f7",
        "\u05d0\u05d3\u05d4",
        "two words",
        "x" * ID_LIMIT,
    ]
    assert [text for text in good if not proper_id(text)] == []
    wrong = ["", " 7", "7 ", "x" * (ID_LIMIT + 1), "\u00adx", "x\u200by", "x\ufeffy"]
    wrong += [f"x{char}y" for char in (*CONTROLS, *BIDIRECTIONAL)]
    assert [text for text in wrong if proper_id(text)] == []


def test_name_loses_what_it_may_not_have_and_keeps_the_rest() -> None:
    cases = {
        "Ada": "Ada",
        "  Ada \n": "Ada",
        "Ada\x1b[31m": "Ada[31m",
        "admin\u202egpj": "admingpj",
        "line\u2028break": "linebreak",
        "\U0001f469\u200d\U0001f680 Zo\u00eb": "\U0001f469\u200d\U0001f680 Zo\u00eb",
        "\u202e": "",
        "n" * 1000: "n" * ID_LIMIT,
        "a\ud800b": "a?b",
    }
    assert {text: proper_name(text) for text in cases} == cases
