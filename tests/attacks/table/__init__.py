"""The table of attacks, by name: each row is data, each file a family."""

from __future__ import annotations

from tests.attacks.plan import Attack
from tests.attacks.table.api import API
from tests.attacks.table.door import DOOR
from tests.attacks.table.frames import FRAMES
from tests.attacks.table.http import HTTP
from tests.attacks.table.messages import MESSAGES
from tests.attacks.table.presence import PRESENCE
from tests.attacks.table.reads import READS
from tests.attacks.table.rooms import ROOMS
from tests.attacks.table.streams import STREAMS
from tests.attacks.table.tokens import TOKENS
from tests.attacks.table.writes import WRITES

ROWS = (*DOOR, *HTTP, *FRAMES, *MESSAGES, *ROOMS, *PRESENCE, *READS, *WRITES, *TOKENS, *STREAMS, *API)
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in ROWS}
assert len(ATTACKS) == len(ROWS), "two attacks have one name"
