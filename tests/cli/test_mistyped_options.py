"""An option that a command does not have: the command shows its usage and the option that was probably meant."""

from __future__ import annotations

import pytest

from tidegate.cli import main


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        (
            ["serve", "--prot", "9000"],
            "tidegate serve: error: unrecognized arguments: --prot 9000; did you mean '--port'?",
        ),
        (["migrate", "--databse=x"], "error: unrecognized arguments: --databse=x; did you mean '--database'?"),
        (["dev", "shop"], "tidegate dev: error: unrecognized arguments: shop"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_usage_of_its_command(
    capsys: pytest.CaptureFixture[str], typed: list[str], end: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"usage: tidegate {typed[0]} [-h]")
    assert said.rstrip().endswith(end)
