"""A gateway inside a test process: `with running(schema="schema", handlers="shop:gateway") as gateway: ...`.

It is the real gateway with a real database, on a free port of this machine, in a thread for itself; its time passes
when the test says so (`pass_time`). Nothing of this package is imported while a gateway serves.
"""

from tidegate.testing.gateway import TestingGateway
from tidegate.testing.launch import running

__all__ = ["TestingGateway", "running"]
