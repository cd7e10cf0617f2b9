"""A counter that each attack raises, by the attack's name.

Where a refusal is counted, it is that one. An attack at which nothing is refused within its time is seen by what it
costs: bytes, connections, or the time of reads.
"""

from __future__ import annotations

from collections.abc import Mapping

BY_COUNTER: Mapping[str, tuple[str, ...]] = {
    'tidegate_events_total{event="address_limited"}': (
        "idle-lines",
        "connect-loop",
        "unread-handshakes",
        "invented-addresses",
        "idle-streams",
        "streams-opened-and-closed",
        "addresses-of-one-ipv6-network",
        "several-forwarded-headers",
        "parts-of-frames",
        "documents-unread",
        "documents-read",
        "schema-read",
        "heads-of-documents",
        "missing-pages",
        "foreign-origins",
        "messages-to-many-readers",
        "lists-of-members-unread",
        "users-who-broke-off",
        "costly-lists-and-away",
        "snapshots-over-and-over",
        "resumptions-of-the-whole-log",
        "updates-that-many-follow",
    ),
    'tidegate_events_total{event="door_full"}': (
        "idle-lines-from-loopback",
        "idle-streams-from-loopback",
        "idle-lines-after-a-request",
    ),
    'tidegate_http_responses_total{status="413"}': ("large-bodies-of-requests",),
    'tidegate_events_total{event="proxy_names_no_address"}': (
        "connect-loop-from-loopback",
        "documents-unread-from-loopback",
    ),
    'tidegate_http_responses_total{status="431"}': ("endless-heads",),
    'tidegate_events_total{event="unfinished_given_up"}': (
        "parts-of-frames-from-loopback",
        "unfinished-fragments",
    ),
    'tidegate_errors_total{code="invalid_json"}': (
        "large-binary-frames-and-silence",
        "empty-binary-frames",
        "empty-binary-frames-from-loopback",
        "stop-in-a-flood",
        "empty-texts",
        "text-that-is-no-json",
        "text-that-is-no-json-unread",
        "large-binary-frames",
        "deep-json",
        "many-small-compression-bombs",
    ),
    "tidegate_slowed_total": (
        "empty-fragments",
        "pings",
        "pings-unread",
        "joins-of-one-room",
        "new-rooms-from-loopback",
        "members-come-and-go",
        "lists-asked-over-and-over",
        "pongs",
        "ping-requests",
        "ping-requests-unread",
        "chat-flood",
    ),
    'tidegate_http_responses_total{status="405"}': ("other-methods",),
    'tidegate_http_responses_total{status="403"}': ("messages-to-streams-of-others",),
    'tidegate_http_responses_total{status="429"}': ("streams-unread",),
    'tidegate_http_responses_total{status="400"}': ("not-http",),
    'tidegate_http_responses_total{status="404"}': ("refused-upgrades-from-loopback",),
    "tidegate_bytes_received_total": (
        "stuck-readers",
        "stuck-streams",
        "history-unread",
        "history-asked-over-and-over",
        "replays-unread",
        "new-rooms",
        "lists-of-members-with-allowed-info",
        "statuses-in-a-flood",
        "subscribe-and-unsubscribe",
        "changes-of-texts-that-many-conditions-look-into",
        "keys-with-small-answers",
        "stop-with-writes-to-a-locked-table",
        "valid-tokens-over-and-over",
        "close-and-come-back",
        "chat-flood-of-long-messages",
        "two-costly-lists",
        "requests-over-the-rate",
        "requests-over-the-rate-from-loopback",
        "requests-unread",
        "bodies-that-do-not-end",
        "large-heads-of-requests",
    ),
    'tidegate_events_total{event="slow_consumer"}': ("stuck-readers-from-loopback",),
    'tidegate_errors_total{code="not_joined"}': (
        "refused-messages",
        "statuses-in-a-full-room",
    ),
    'tidegate_errors_total{code="limit_reached"}': (
        "new-rooms-on-ten-lines",
        "new-rooms-of-a-user",
        "rooms-in-mass",
        "large-messages-in-many-rooms",
        "refused-rooms",
        "costly-lists",
        "costly-lists-over-and-over",
        "costly-lists-of-a-user",
        "costly-lists-in-requests",
        "gets-of-a-thousand",
        "subscriptions-with-many-conditions",
        "subscriptions-with-many-conditions-of-a-hundred-lines",
        "costly-lists-in-postgresql",
        "stop-with-costly-lists",
        "keys-with-large-answers",
        "queued-creates",
        "creates",
        "creates-of-many-rows",
        "creates-of-a-user",
        "creates-and-away",
        "updates-of-a-thousand",
        "queued-creates-in-postgresql",
        "stop-with-queued-creates",
    ),
    'tidegate_errors_total{code="invalid_message"}': (
        "small-messages-with-keys",
        "giant-tokens",
        "wrong-filters",
        "escapes",
    ),
    'tidegate_errors_total{code="too_large"}': ("info-in-many-rooms",),
    "tidegate_read_seconds_total": (
        "pages-unread",
        "pages-over-and-over",
        "sorted-by-what-has-no-index",
        "far-offsets",
        "counts",
        "snapshots-unread",
        "stop-with-lists-of-a-locked-table",
        "stop-with-snapshots-unread",
        "lists-of-a-locked-table",
    ),
    'tidegate_errors_total{code="not_found"}': ("keys-with-refusals",),
    'tidegate_errors_total{code="conflict"}': ("conflicts",),
    'tidegate_events_total{event="token_ignored"}': (
        "guessed-tokens",
        "guessed-tokens-in-handshakes",
        "nested-tokens",
    ),
    "tidegate_accepted_total": (
        "silent-connections",
        "slow-handshakes",
        "proxy-lines-in-floods",
        "health-flood",
        "readiness-flood",
    ),
    'tidegate_errors_total{code="invalid_data"}': (
        "wide-json",
        "wrong-properties",
    ),
    'tidegate_events_total{event="protocol_broken"}': (
        "frames-above-the-limit",
        "compressed-frames",
        "compression-bombs",
        "compressed-garbage",
        "bytes-that-are-not-utf-8",
    ),
}
WAITS = "the client does not read, so the gateway stops to read from it: what it wants waits, and is not refused"
ALLOWED = "each request is one that a client may make; within its burst turns and rates delay it, and refuse nothing"
TURN = "its reads wait for their turn; they are refused after `read_timeout` (5 s), which is longer than the attack"
DEADLINE = (
    "the deadline of a handshake (5 s, then `tidegate_late_total`) or of a body (10 s, then 408) is later than the end "
    "of the attack"
)
HEALTH = "health checks are not refused: a load balancer would take the gateway for dead"
STOP = "the gateway stops meanwhile: what is refused by the stop says nothing of the client"
BY_COST: Mapping[str, tuple[str, ...]] = {
    WAITS: (
        "stuck-readers",
        "stuck-streams",
        "requests-unread",
        "history-unread",
        "replays-unread",
        "pages-unread",
        "snapshots-unread",
    ),
    ALLOWED: (
        "history-asked-over-and-over",
        "new-rooms",
        "lists-of-members-with-allowed-info",
        "statuses-in-a-flood",
        "subscribe-and-unsubscribe",
        "changes-of-texts-that-many-conditions-look-into",
        "keys-with-small-answers",
        "valid-tokens-over-and-over",
        "close-and-come-back",
        "chat-flood-of-long-messages",
        "requests-over-the-rate",
        "requests-over-the-rate-from-loopback",
        "large-heads-of-requests",
    ),
    TURN: (
        "two-costly-lists",
        "pages-over-and-over",
        "sorted-by-what-has-no-index",
        "far-offsets",
        "counts",
        "lists-of-a-locked-table",
    ),
    DEADLINE: ("bodies-that-do-not-end", "silent-connections", "slow-handshakes", "proxy-lines-in-floods"),
    HEALTH: ("health-flood", "readiness-flood"),
    STOP: (
        "stop-with-writes-to-a-locked-table",
        "stop-with-lists-of-a-locked-table",
        "stop-with-snapshots-unread",
    ),
}
"""Attacks at which a cost is counted, by the reason why no refusal is. A counter of refusals beside them would have to
be raised by what honest clients do, too: it would be an alert that is always on."""
COSTS = frozenset({"tidegate_bytes_received_total", "tidegate_read_seconds_total", "tidegate_accepted_total"})
COUNTED: Mapping[str, str] = {attack: counter for counter, attacks in BY_COUNTER.items() for attack in attacks}
