"""A recording: the frames of one or several connections of one client, in the order in which they were seen.

Invariant: a `Recording` was checked; its frames have messages that are JSON objects, or a text that the client typed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = "tidegate-recording-1"
HIDDEN = "•••"
"""What stands in place of a token and of values that the schema calls `writeOnly`."""

Message = dict[str, Any]


class BadRecording(Exception):
    """The file is no recording, or cannot be replayed; the text says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `number` counts from 1. `text` stands in place of `message` where a client sent no JSON object."""

    number: int
    connection: int
    from_client: bool
    message: Message = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    contract: str
    complete: bool
    """False: the recording begins after the connection did, so that a sign-in or a `join` may be missing."""
    frames: tuple[Frame, ...]

    def signed_in_as(self, authenticate: Frame) -> Message | None:
        """The user that the gateway took the client for after this `authenticate`; None where it refused."""
        ref = authenticate.message.get("ref")
        for frame in self.frames[authenticate.number :]:
            message = frame.message
            if frame.connection == authenticate.connection and not frame.from_client and message.get("ref") == ref:
                user = message.get("user")
                return user if message.get("type") == "authenticated" and isinstance(user, dict) else None
        return None


def read(path: Path) -> Recording:
    """Raises BadRecording."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise BadRecording(f"{path}: this is no JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("frames"), list):
        raise BadRecording(f'{path}: this is no recording of the console: "format" must be "{FORMAT}"')
    frames = tuple(_frame(number, each, path) for number, each in enumerate(content["frames"], 1))
    return Recording(str(content.get("contract", "")), content.get("complete") is True, frames)


def _frame(number: int, given: Any, path: Path) -> Frame:
    if not isinstance(given, dict) or given.get("from") not in {"client", "gateway"}:
        raise BadRecording(f'{path}: frame {number}: "from" must be "client" or "gateway"')
    connection = given.get("connection", 1)
    if type(connection) is not int:
        raise BadRecording(f'{path}: frame {number}: "connection" must be a whole number')
    from_client = given["from"] == "client"
    message, text = given.get("message"), given.get("text")
    if isinstance(message, dict):
        return Frame(number, connection, from_client, message)
    if from_client:  # the client may have typed anything
        if isinstance(text, str):
            return Frame(number, connection, from_client, text=text)
        if "message" in given:
            return Frame(number, connection, from_client, text=json.dumps(message))
    raise BadRecording(f'{path}: frame {number}: "message" must be a JSON object')
