"""The twin finds each seeded mutation, and finds nothing in the same episodes without the mutation.

`make test-tools` tries one mutation of each family of `USUAL`; `make twin` (TWIN_MUTATIONS=all) tries all.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.twin.families import FAMILIES, together
from tests.twin.mutations import MUTATIONS, Mutation
from tests.twin.statements import Difference, Family
from tests.twin.store_copy import StoreCopy
from tests.twin.twin import Place, Twin

pytestmark = [pytest.mark.seeded, pytest.mark.process]
USUAL = {"dml", "values", "isolation", "ddl"}
CHOSEN = list({(one.family, one.database): one for one in reversed(MUTATIONS) if one.family in USUAL}.values())
if os.environ.get("TWIN_MUTATIONS") == "all":
    CHOSEN = MUTATIONS
SEEDS, EPISODES = 4, 20
"""As many episodes of each seed may pass before the mutation is found."""
HARMLESS = 8
"""So many of the episodes of definitions come before one that takes a table or column from the gateway."""
Played = tuple[str, str, int, float]
"""The family, its database, a seed, and how long the gateway may take to notice."""


@pytest.fixture(scope="module")
def places() -> dict[str, Place]:
    return {}


@pytest.fixture(scope="module")
def controls() -> dict[Played, int]:
    """How many episodes passed without a mutation."""
    return {}


def place_of(family: Family, places: dict[str, Place], request: pytest.FixtureRequest) -> Place:
    """The place with the family's tables, which is made for the first mutation that needs it."""
    families = together(family)
    name = f"{family.database} {families[0].name}"
    if name not in places:
        folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("twin")
        server: PostgresServer | None = None
        if family.database == "postgresql":
            server = request.getfixturevalue("postgres")
        places[name] = Place(families, folder, server)
    return places[name]


@pytest.mark.parametrize("mutation", CHOSEN, ids=str)
def test_the_twin_finds(
    mutation: Mutation, places: dict[str, Place], controls: dict[Played, int], request: pytest.FixtureRequest
) -> None:
    (family,) = [one for one in FAMILIES if (one.name, one.database) == (mutation.family, mutation.database)]
    place, patience = place_of(family, places, request), mutation.notice_s
    for seed in range(SEEDS):
        begun, found = _play(place, family, seed, HARMLESS if family.name == "ddl" else EPISODES, patience, mutation)
        played = (family.name, family.database, seed, patience)
        if controls.get(played, 0) < begun:
            _, wrong = _play(place, family, seed, begun, patience)
            assert not wrong, f"without the mutation:\n{wrong}"
            controls[played] = begun
        if found:
            print(f"seed {seed}, episode {begun}: {found[:600]}")
            return
    pytest.fail(f"{mutation} is not found")


def _play(
    place: Place, family: Family, seed: int, episodes: int, patience: float, mutation: Mutation | None = None
) -> tuple[int, str]:
    """In which episode the twin differs, and how; or how many were played, and an empty text."""
    with place.pair() as (pair, url, _), pytest.MonkeyPatch.context() as patch:
        if mutation is not None and mutation.python is not None:
            mutation.python(patch)
        copy = StoreCopy(url, place.schema, pair)
        twin = Twin(pair, copy)
        try:
            if mutation is not None:
                mutation.apply(pair)  # a gateway that starts would notice some of them
            twin.play(family, seed, episodes, patience)
        except Difference as difference:
            return twin.begun, str(difference)
        finally:
            copy.close()
    return twin.begun, ""
