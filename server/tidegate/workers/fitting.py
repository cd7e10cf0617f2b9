"""Whether a worker that starts fits to the workers that run: their clients must be able to go on with it.

It compares contracts as `tidegate check compat` does: the schema bundle of the workers that run, and its own.
"""

from __future__ import annotations

import json
import os

from tidegate import schema
from tidegate.config import ConfigError
from tidegate.workers.place import Place

SHOWN = 3
"""Differences in one log line."""


def check(place: Place, bundle: bytes) -> None:
    """Note the contract of this worker for the supervisor, and hold it against that of the workers that run.

    Raises ConfigError where they do not fit.
    """
    if place.own is None or place.running is None:
        return
    os.write(place.own, bundle)
    size = os.fstat(place.running).st_size
    running = os.pread(place.running, size, 0)
    if running and running != bundle:
        _compare(json.loads(running), json.loads(bundle), hub_writes=place.hub_writes)


def _compare(before: schema.Bundle, after: schema.Bundle, *, hub_writes: bool) -> None:
    from tidegate.schema.compat import compare  # noqa: PLC0415  # only where the schema has changed

    old, new = schema.unbundle(before), schema.unbundle(after)
    breaking = [str(each) for each in compare(old, new) if each.breaking]
    if breaking:
        more = f"; and {len(breaking) - SHOWN} more" if len(breaking) > SHOWN else ""
        raise ConfigError(
            "the schema does not fit to that of the workers that run, so that clients could not go on: "
            f"{'; '.join(breaking[:SHOWN])}{more}. Restart the gateway to serve it anyway"
        )
    if hub_writes and old.resources != new.resources:
        raise ConfigError(
            "the resources of the schema have changed, and the hub, which writes the database, has the schema of its "
            "start: restart the gateway"
        )
    if _durable(old) != _durable(new):
        raise ConfigError(
            "the schema has the first durable room, or none any more, and the hub, which looks after them, has the "
            "schema of its start: restart the gateway"
        )


def _durable(schemas: schema.Schemas) -> bool:
    return any(room.history.durable for room in schemas.rooms.values())
