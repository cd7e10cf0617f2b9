"""What is left to the garbage collector: objects that name each other, and that nothing else names."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_in_circles(kind: type[object]) -> Iterator[list[object]]:
    """The block gets a list; when it has ended, the list has the objects of `kind` that only the collector frees."""
    found: list[object] = []
    gc.collect()
    flags = gc.get_debug()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.disable()
    try:
        yield found
        gc.collect()
        found += [each for each in gc.garbage if isinstance(each, kind)]
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        gc.enable()
