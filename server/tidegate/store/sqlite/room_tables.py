"""The tables of durable rooms in SQLite: a row for each room, its messages, and the idempotency keys of messages.

Messages have a rowid: they are appended where the last one is, whatever their room. Clustered by their key they would
cost twice to ten times as much.
"""

from __future__ import annotations

from tidegate.store.serving.room_state import COUNT, GENERATION
from tidegate.store.sqlite.changelog import META

ROOMS, MESSAGES, KEYS = "tidegate_rooms", "tidegate_messages", "tidegate_message_keys"

ROOM_TABLES = {
    ROOMS: (
        f"""CREATE TABLE {ROOMS} (
  room TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL, head INTEGER NOT NULL, gone INTEGER NOT NULL,
  time INTEGER NOT NULL, ttl INTEGER NOT NULL, due INTEGER NOT NULL)""",
        f"CREATE INDEX {ROOMS}_due ON {ROOMS} (due)",
        f"INSERT OR IGNORE INTO {META} (name, value) VALUES ('{GENERATION}', 0), ('{COUNT}', 0)",
    ),
    MESSAGES: (
        f"""CREATE TABLE {MESSAGES} (
  room TEXT NOT NULL, generation INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
  text TEXT NOT NULL, PRIMARY KEY (room, generation, number))""",
    ),
    KEYS: (
        # The oldest key has the least rowid.
        f"""CREATE TABLE {KEYS} (
  id INTEGER PRIMARY KEY, room TEXT NOT NULL, actor TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
  generation INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, UNIQUE (room, actor, key))""",
    ),
}
"""The statements that make each table, by its name, in order."""
