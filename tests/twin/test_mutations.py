"""The twin finds each seeded mutation.

`make test` tries one mutation of each family whose tables are cheap; `make twin` (TWIN_MUTATIONS=all) tries all.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.twin.families import COSTLY, FAMILIES, together
from tests.twin.mutations import MUTATIONS, Mutation
from tests.twin.statements import Difference, Family
from tests.twin.store_copy import StoreCopy
from tests.twin.twin import Place, Twin

pytestmark = pytest.mark.process
CHOSEN = list({(one.family, one.database): one for one in reversed(MUTATIONS) if one.family not in COSTLY}.values())
if os.environ.get("TWIN_MUTATIONS") == "all":
    CHOSEN = MUTATIONS
SEEDS, EPISODES = 4, 20
"""As many episodes of each seed may pass before the mutation is found."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
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
    mutation: Mutation, places: dict[str, Place], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (family,) = [one for one in FAMILIES if (one.name, one.database) == (mutation.family, mutation.database)]
    place = place_of(family, places, request)
    with pytest.raises(Difference) as found:
        for seed in range(SEEDS):
            _play(place, mutation, family, seed, monkeypatch)
    print(str(found.value)[:600])


def _play(place: Place, mutation: Mutation, family: Family, seed: int, patch: pytest.MonkeyPatch) -> None:
    with place.pair() as (pair, url, _):
        if mutation.python is not None:
            mutation.python(patch)
        copy = StoreCopy(url, place.schema, pair)
        try:
            mutation.apply(pair)  # a gateway that starts would notice some of them
            Twin(pair, copy).play(family, seed, EPISODES, mutation.notice_s)
        finally:
            copy.close()
