"""The gateway's log on standard error, which the application's code cannot take away by mistake.

The application may close `sys.stderr`, configure the logging of the process, and add log handlers that raise. The lines
of the gateway are written even then, through the handlers of the root logger as long as these work.
Invariants: no log line of the gateway raises; what a record tells in `extra` is a part of its line, and no text in it
begins another line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import IO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
OF_MEMBER = "%(asctime)s %(levelname)-7s [%(processName)s] %(name)s  %(message)s"
FORMATS = ("console", "json")
LOGGERS = ("tidegate", "asyncio")
USUAL = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
"""What every record has. The rest came as `extra`."""
LONGEST = 500


class _Lines(logging.StreamHandler[IO[str]]):
    """Writes lines; if standard error is full or gone, it drops them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        pass


class _Detailed(logging.Formatter):
    """Adds what the gateway's records tell in `extra`, such as the reason. Those of the application are its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        line = super().formatMessage(record)
        if record.name.partition(".")[0] not in LOGGERS:
            return line
        said = [f"{name}: {_readable(value)}" for name, value in vars(record).items() if name not in USUAL]
        return f"{line} ({', '.join(said)})" if said else line


class _Json(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the gateway's records tell in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.processName != "MainProcess":
            line["process"] = record.processName
        if record.name.partition(".")[0] in LOGGERS:
            line |= {name: _plain(value) for name, value in vars(record).items() if name not in USUAL}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def _plain(value: object) -> object:
    """Numbers stay numbers."""
    return value if isinstance(value, bool | int | float) or value is None else str(value)[:LONGEST]


def _readable(value: object) -> str:
    """On one line, whatever the text holds; it may be a client's or a server's."""
    text = str(value)[:LONGEST]
    return text if text.isprintable() else repr(text)


class _ToRoot(logging.Handler):
    """Passes the lines of one logger on to the root logger's handlers, which the application may have changed."""

    def __init__(self, otherwise: logging.Handler) -> None:
        super().__init__()
        self._otherwise = otherwise

    def handle(self, record: logging.LogRecord) -> bool:
        try:
            logging.getLogger().handle(record)
        except Exception:  # a handler of the application
            self._otherwise.handle(record)
        return True


def set_up(level: str, member: str = "", form: str = "console") -> None:
    """Log to standard error from `level` on; `member` is who speaks, where several processes write to one log.

    The application's own formats can say `%(processName)s`.
    """
    if member:
        import multiprocessing  # noqa: PLC0415  # a gateway without workers does not need it

        multiprocessing.current_process().name = member
    lines = _Lines(_standard_error())
    lines.setFormatter(_Json() if form == "json" else _Detailed(OF_MEMBER if member else FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[lines])
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(_ToRoot(lines))


def check_format(name: str) -> None:
    """Raises ValueError for a name that no format of the log has."""
    if name not in FORMATS:
        raise ValueError(f"must be {' or '.join(FORMATS)}, not {name!r}")


def enable() -> None:
    """`logging.config` disables the loggers that it does not name; the gateway's go on."""
    for name, logger in logging.getLogger().manager.loggerDict.items():
        if name.partition(".")[0] in LOGGERS and isinstance(logger, logging.Logger):
            logger.disabled = False


def _standard_error() -> IO[str]:
    """A copy of standard error: the application may close the other one."""
    try:
        copy = os.dup(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # there is none
        return sys.stderr
    return os.fdopen(copy, "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)
