"""How many changes are handed over at a time, by what they cost the loop."""

from __future__ import annotations

from tidegate.store.serving.batch_size import LARGEST, SMALLEST, TARGET_S, AdaptiveBatchSize


def test_batches_that_cost_much_become_smaller_down_to_some() -> None:
    batches = AdaptiveBatchSize()
    assert batches.size == LARGEST
    batches.took(TARGET_S * 1.1)
    assert batches.size == LARGEST // 2
    for _ in range(20):
        batches.took(TARGET_S * 2)
    assert batches.size == SMALLEST


def test_they_grow_again_once_they_cost_little() -> None:
    batches = AdaptiveBatchSize()
    for _ in range(20):
        batches.took(1.0)
    batches.took(TARGET_S / 2)
    assert batches.size == SMALLEST
    for _ in range(20):
        batches.took(0.0)
    assert batches.size == LARGEST
