"""Defences that no setting switches off, and how the gateway's process does without each of them.

A row of the table names them in `Attack.patch`; the code runs when that process starts. Each takes away one defence,
and nothing else.
"""

from __future__ import annotations

PATCHES: dict[str, str] = {
    "turns of the event loop": """
import tidegate.transport.read_side, tidegate.transport.turns
tidegate.transport.read_side.TURN = 1 << 30
tidegate.transport.read_side.TURN_S = tidegate.transport.turns.TURN_S = tidegate.transport.turns.SLICE_S = 1e9
""",
    "turns of writing": """
import tidegate.transport.backlog, tidegate.transport.outbox
tidegate.transport.outbox.SLICE_S = 1e9
tidegate.transport.backlog.TURN_BYTES = 1 << 40
""",
    "one frame for all readers": """
import tidegate.transport.backlog
add = tidegate.transport.backlog.Backlog.add
tidegate.transport.backlog.Backlog.add = lambda self, frames: add(self, [bytes(bytearray(each)) for each in frames])
""",
    "answers as fast as the client reads": """
import tidegate.gateway.answers, tidegate.gateway.pace
tidegate.gateway.answers.AT_ONCE = 1 << 30
tidegate.gateway.answers.UNSENT_BYTES = tidegate.gateway.pace.TURN_BYTES = 1 << 40
""",
    "replays and pages in parts": """
import tidegate.core.rooms.history, tidegate.core.rooms.room, tidegate.core.rooms.rooms
import tidegate.gateway.pace, tidegate.gateway.room_effects
tidegate.core.rooms.history.PAGE_BYTES = tidegate.core.rooms.rooms.REPLAY_BYTES = 1 << 40
tidegate.core.rooms.room.LIST_BYTES = 1 << 40
tidegate.gateway.room_effects.REPLAY_BYTES = tidegate.gateway.pace.TURN_BYTES = 1 << 40
""",
    "snapshots as fast as the client reads": """
import tidegate.transport.write_side
async def drained(self):
    pass
tidegate.transport.write_side.WriteSide.drained = drained
""",
    "the end of snapshots with their clients": """
import tidegate.store.serving.spool, tidegate.gateway.snapshot_frames
tidegate.store.serving.spool.Spool.leave = lambda self: None
snapshots = tidegate.gateway.snapshot_frames.SnapshotPages
snapshots.of = lambda self, group, payer, of=snapshots.of: (self._latest.clear(), of(self, group, payer))[1]
""",
    "the log in batches": """
import tidegate.core.rows.catch_up_actions
tidegate.core.rows.catch_up_actions.BATCH = 1 << 30
""",
    "the end of slow readers": """
import tidegate.transport.write_side
tidegate.transport.write_side.WriteSide.give_up = lambda self, **measured: None
""",
    "fair shares of the reader threads": """
import tidegate.core.budgets.turns
tidegate.core.budgets.turns.Shares.of = classmethod(
    lambda cls, threads, *_, **__: cls(threads, threads, threads, threads, threads, threads, 1 << 30, 1 << 30)
)
""",
    "threads for others": """
import tidegate.store.serving.reads
tidegate.store.serving.reads.THREADS = 2
""",
    "the limit of conditions on texts": """
import tidegate.core.budgets.costs
tidegate.core.budgets.costs.TEXT_CONDITIONS = 1 << 30
""",
    "costly changes in steps": """
import tidegate.core.rows.costly_changes, tidegate.gateway.catch_up
tidegate.core.rows.costly_changes.CHEAP = tidegate.gateway.catch_up.CHEAP = 1 << 60
""",
    "refusals without their frames": """
import tidegate.store.serving.write_queue, tidegate.store.serving.jobs
tidegate.store.serving.write_queue.detached = tidegate.store.serving.jobs.detached = lambda error: error
""",
    "counted log lines": """
import tidegate.counted
tidegate.counted.Counted.__call__ = lambda self, *told: self._log.log(self._level, self._text, *told)
""",
    "payloads that are let go": """
from tidegate.transport.read_side import ReadSide
accept = ReadSide._accept
def keep(self, frame):
    payload = frame.data
    accept(self, frame)
    frame.data = payload
ReadSide._accept = keep
""",
    "the limit of a head": """
import tidegate.transport.connection
tidegate.transport.connection.MAX_HEAD = 1 << 40
""",
    "the reserve of open files": """
import resource, tidegate.open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
tidegate.open_files.fit = lambda most: most
""",
    "pages that are made once": """
from tidegate.gateway.late_documents import LateDocument
from tidegate.transport import Response
LateDocument.__call__ = lambda self, _: Response(200, self._headers, self._make())
""",
}
"""Python, by what it switches off."""


def program(names: tuple[str, ...]) -> str:
    """What takes all of these away."""
    return "".join(PATCHES[name] for name in names)
