"""The size of the change log, measured in blocks."""

from __future__ import annotations

from tidegate.store.serving.log_size import ENTRY_BYTES, LogSize

BIG = 1000 - ENTRY_BYTES


def test_the_oldest_blocks_go_until_the_log_is_small_enough() -> None:
    size = LogSize(10_000, 4)
    size.add((seq, BIG) for seq in range(1, 21))
    assert (size.bytes, size.measured_to) == (20_000, 20)
    gone = []
    while (upto := size.excess()) is not None:
        gone.append(upto)
        size.pruned(upto)
    assert size.bytes <= 10_000
    assert gone == list(range(1, 11))  # a block is a 64th of the limit: one large change


def test_a_block_has_few_changes() -> None:
    size = LogSize(1_000_000, 4)
    size.add((seq, 1_000 - ENTRY_BYTES) for seq in range(1, 1_101))
    assert size.excess() == 4


def test_the_newest_block_stays_however_large_it_is() -> None:
    size = LogSize(1_000, 4)
    size.add([(7, 1_000_000)])
    assert size.excess() is None
    size.add([(8, 1)])
    assert size.excess() == 7


def test_what_others_pruned_is_forgotten() -> None:
    size = LogSize(10_000, 2)
    size.add((seq, BIG) for seq in range(1, 7))
    size.pruned(4)
    assert (size.bytes, size.measured_to) == (2_000, 6)
    size.pruned(9)
    assert (size.bytes, size.measured_to, size.excess()) == (0, 9, None)
