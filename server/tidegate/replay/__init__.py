"""Sends what a recorded client sent to a gateway again, and compares what the gateway answers.

`recording` reads the file that the console saves, `names` and `compare` say which values may differ, `player` talks to
the gateway, and `report` writes the differences. It speaks the plain protocol and shares no code with the gateway.
"""

from __future__ import annotations

from tidegate.replay.player import NotReached, Outcome, play
from tidegate.replay.recording import BadRecording, Recording, read
from tidegate.replay.report import report

__all__ = ["BadRecording", "NotReached", "Outcome", "Recording", "play", "read", "report"]
