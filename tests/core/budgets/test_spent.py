"""How long reads took, by connection: the newest connections are remembered, the sum counts all."""

from __future__ import annotations

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.budgets.spent import Spent


def test_connections_that_read_lately_are_remembered_and_the_sum_counts_all() -> None:
    spent = Spent(most=2)
    for connection in ("a", "b", "a", "c"):
        spent.add(Payer("user 1", connection), 0.5)
    spent.add(GATEWAY, 1.0)
    assert (spent.of("a"), spent.of("b"), spent.of("c"), spent.of("")) == (1.0, 0.0, 0.5, 0.0)
    assert (spent.seconds, spent.reads) == (3.0, 5)
