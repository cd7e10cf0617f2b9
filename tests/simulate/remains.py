"""What is left in a gateway when its last client has gone: nothing may be."""

from __future__ import annotations

from tests.simulate.store import SimulatedStore
from tidegate.gateway.assembly import Parts
from tidegate.transport import ConnectionContext


def remains(gateway: Parts, context: ConnectionContext, store: SimulatedStore) -> list[str]:
    """Everything that was left behind."""
    driver, subscriptions = gateway.catch_up, gateway.sessions.protocol.rows.subscriptions
    index = subscriptions.index
    places: dict[str, object] = {
        "connections": list(context.connections),
        "sessions": list(gateway.sessions),
        "work under way": gateway.work._under_way,
        "sessions with work": gateway.work._pending,
        "subscriptions": subscriptions._of,
        "sessions that catch up": subscriptions.catching_up,
        "permissions": subscriptions._permissions._known,
        "groups": index._groups,
        "ids of groups": index._ids,
        "the index": [name for name, buckets in index._indexed.items() if any(buckets.values())],
        "groups beside the index": [name for name, bucket in index._unindexed.items() if bucket],
        "replays that wait for a position": driver._waiting,
        "snapshots that are shared": driver._pages._latest,
        "snapshots that are kept": store.spools,
        "frames": context.outbox._dirty,
        "sessions that hear heartbeats": gateway.sessions.heartbeats._bucket_of,
        "a feed that attends": store.following,
        "who waits for the feed": store.feed.gate._waiting,
    }
    return [f"{name}: {there}" for name, there in places.items() if there]
