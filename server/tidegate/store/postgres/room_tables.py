"""The tables of durable rooms in PostgreSQL: a row for each room, its messages, and the idempotency keys of messages.

It also says how names are written there: PostgreSQL's texts have no NUL.
"""

from __future__ import annotations

from tidegate.store.postgres.changelog import META, SCHEMA
from tidegate.store.serving.room_state import GENERATION

ROOMS, MESSAGES, KEYS = (f"{SCHEMA}.{name}" for name in ("rooms", "messages", "message_keys"))

ROOM_TABLES = {
    ROOMS: (
        # Room in each page, so that a new version of a row finds its place beside the former one.
        f"""CREATE TABLE {ROOMS} (
  room text PRIMARY KEY, generation bigint NOT NULL, head bigint NOT NULL, gone bigint NOT NULL, time bigint NOT NULL,
  ttl bigint NOT NULL, due bigint NOT NULL) WITH (fillfactor = 50)""",
        f"CREATE INDEX rooms_due ON {ROOMS} (due)",
        f"INSERT INTO {META} (name, value) VALUES ('{GENERATION}', '0') ON CONFLICT DO NOTHING",
    ),
    MESSAGES: (
        f"""CREATE TABLE {MESSAGES} (
  room text NOT NULL, generation bigint NOT NULL, number bigint NOT NULL, time bigint NOT NULL, text text NOT NULL,
  PRIMARY KEY (room, generation, number))""",
    ),
    KEYS: (
        f"""CREATE TABLE {KEYS} (
  room text NOT NULL, actor text NOT NULL, key text NOT NULL, digest bytea NOT NULL, generation bigint NOT NULL,
  number bigint NOT NULL, time bigint NOT NULL, PRIMARY KEY (room, actor, key))""",
        f"CREATE INDEX message_keys_time ON {KEYS} (time)",
    ),
}
"""The statements that make each table, by its name, in order."""


def without_nul(text: str) -> str:
    """Another text for each text, and the same one for nearly all."""
    return text.replace("\\", "\\\\").replace("\0", "\\0") if "\\" in text or "\0" in text else text
