"""What clients and other programs do in a history, and how often: other things are the fashion in each.

What is rare on the whole is common in some histories, and left out in others, so that each mixture has its time
("swarm testing", Groce et al., 2012).
"""

from __future__ import annotations

import random
from itertools import accumulate

import msgspec

from tests.simulate.queries import TOKENS

DEEDS = {
    "cut": 2.0,
    "go back": 1.0,
    "keep": 1.0,
    "subscribe": 7.0,
    "unsubscribe": 1.5,
    "swap": 1.5,
    "authenticate": 2.0,
    "write": 2.0,
    "write and subscribe": 1.0,
    "ping": 1.5,
}
"""What a client does."""
EVENTS = {"nothing": 18.0, "empty": 1.0, "stranger": 1.0, "prune": 1.0, "crowd": 1.5}
"""What happens beside changes of rows."""
FASHIONS = (0.0, 0.5, 1.0, 1.0, 5.0)


class Habits(msgspec.Struct, frozen=True):
    """Weights are cumulated, in the order of DEEDS and EVENTS."""

    deeds: list[float]
    events: list[float]
    tokens: tuple[str | None, ...]
    """The tokens that clients connect with; None is a guest."""

    @classmethod
    def of(cls, chance: random.Random) -> Habits:
        def weights(usual: dict[str, float], always: str) -> list[float]:
            return list(
                accumulate(
                    weight if name == always else weight * chance.choice(FASHIONS) for name, weight in usual.items()
                )
            )

        everybody = (None, *TOKENS)
        tokens = everybody if chance.random() < 0.5 else (chance.choice(everybody),)
        return cls(weights(DEEDS, "subscribe"), weights(EVENTS, "nothing"), tokens)

    def deed(self, chance: random.Random) -> str:
        return chance.choices(_DEEDS, cum_weights=self.deeds)[0]

    def event(self, chance: random.Random) -> str:
        return chance.choices(_EVENTS, cum_weights=self.events)[0]


_DEEDS, _EVENTS = tuple(DEEDS), tuple(EVENTS)
