"""How many changes a feed hands over at a time, by how long the loop takes for them."""

from __future__ import annotations

from tidegate.store.serving.batch_size import LARGEST, SMALLEST, TARGET_S, AdaptiveBatchSize


def test_slow_batches_become_smaller_down_to_a_limit() -> None:
    batches = AdaptiveBatchSize()
    assert batches.size == LARGEST
    batches.took(TARGET_S * 1.1)
    assert batches.size == LARGEST // 2
    for _ in range(20):
        batches.took(TARGET_S * 2)
    assert batches.size == SMALLEST


def test_fast_batches_grow_up_to_a_limit() -> None:
    batches = AdaptiveBatchSize()
    for _ in range(20):
        batches.took(1.0)
    batches.took(TARGET_S / 2)
    assert batches.size == SMALLEST
    for _ in range(20):
        batches.took(0.0)
    assert batches.size == LARGEST
