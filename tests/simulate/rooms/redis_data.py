"""What a Redis server keeps, in memory: the commands that the engine and its scripts use, and no others.

A command gets bytes and returns what the server would: bytes, integers, lists, None. Times come from the simulation.
Where a rule is not obvious it follows the server's documentation of the command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Reply = Any
Words = tuple[bytes, ...]


class WrongCommand(Exception):
    """The server would answer with an error."""


class RedisData:
    """`now` in seconds; `publish` is told each PUBLISH, and returns how many hear it."""

    def __init__(self, now: Callable[[], float], publish: Callable[[bytes, bytes], int]) -> None:
        self._now = now
        self._publish = publish
        self._values: dict[bytes, Any] = {}
        self._ends: dict[bytes, float] = {}
        """When keys end, in seconds."""

    def call(self, *words: bytes) -> Reply:
        """Carry out one command. Raises WrongCommand."""
        command = getattr(self, words[0].decode().lower(), None)
        if command is None or words[0].startswith(b"_"):
            raise WrongCommand(f"ERR unknown command {words[0]!r}")
        return command(*words[1:])

    def copied(self) -> tuple[Any, Any]:
        """The data as it is now, for `restore`."""
        return {key: _copy(value) for key, value in self._values.items()}, dict(self._ends)

    def restore(self, copied: tuple[Any, Any]) -> None:
        values, ends = copied
        self._values, self._ends = {key: _copy(value) for key, value in values.items()}, dict(ends)

    # -- any key ----------------------------------------------------------------------------------------------------

    def time(self) -> Reply:
        seconds, part = divmod(self._now(), 1)
        return [b"%d" % seconds, b"%d" % (part * 1_000_000)]

    def flushall(self) -> Reply:
        self._values, self._ends = {}, {}
        return b"OK"

    def pexpire(self, key: bytes, milliseconds: bytes) -> Reply:
        if self._value(key) is None:
            return 0
        self._ends[key] = self._now() + int(milliseconds) / 1000
        return 1

    def del_(self, *keys: bytes) -> Reply:
        return sum(self._remove(key) for key in keys)

    def exists(self, *keys: bytes) -> Reply:
        return sum(bool(self._value(key)) for key in keys)

    def publish(self, channel: bytes, message: bytes) -> Reply:
        return self._publish(channel, message)

    # -- strings ----------------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> Reply:
        return self._value(key)

    def set(self, key: bytes, value: bytes, *options: bytes) -> Reply:
        if options == (b"NX",):
            if self._value(key) is None:
                self._values[key] = value
                return b"OK"
            return None
        self._values[key] = value
        self._ends.pop(key, None)
        if options:
            if options[0].upper() != b"PX":
                raise WrongCommand("ERR syntax error")
            self.pexpire(key, options[1])
        return b"OK"

    # -- hashes -----------------------------------------------------------------------------------------------------

    def hset(self, key: bytes, *pairs: bytes) -> Reply:
        fields = self._of(key, dict)
        new = [field for field in pairs[::2] if field not in fields]
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(new)

    def hmget(self, key: bytes, *names: bytes) -> Reply:
        return [(self._value(key) or {}).get(name) for name in names]

    def hget(self, key: bytes, name: bytes) -> Reply:
        return (self._value(key) or {}).get(name)

    def hincrby(self, key: bytes, name: bytes, by: bytes) -> Reply:
        fields = self._of(key, dict)
        number = int(fields.get(name, b"0")) + int(by)
        fields[name] = b"%d" % number
        return number

    def hexists(self, key: bytes, name: bytes) -> Reply:
        return int(name in (self._value(key) or {}))

    def hlen(self, key: bytes) -> Reply:
        return len(self._value(key) or {})

    def hkeys(self, key: bytes) -> Reply:
        return list(self._value(key) or {})

    def hgetall(self, key: bytes) -> Reply:
        return dict(self._value(key) or {})

    def hdel(self, key: bytes, *names: bytes) -> Reply:
        fields = self._value(key) or {}
        count = sum(fields.pop(name, None) is not None for name in names)
        self._drop_empty(key)
        return count

    # -- sets and sorted sets -----------------------------------------------------------------------------------------

    def sadd(self, key: bytes, *members: bytes) -> Reply:
        known = self._of(key, dict)
        new = [member for member in members if member not in known]
        known.update(dict.fromkeys(new))
        return len(new)

    def srem(self, key: bytes, *members: bytes) -> Reply:
        known = self._value(key) or {}
        count = 0
        for member in members:
            if member in known:
                del known[member]
                count += 1
        self._drop_empty(key)
        return count

    def scard(self, key: bytes) -> Reply:
        return len(self._value(key) or {})

    def srandmember(self, key: bytes, count: bytes) -> Reply:
        return list(self._value(key) or {})[: int(count)]

    def zadd(self, key: bytes, *words: bytes) -> Reply:
        only_known = words[0].upper() == b"XX"
        score, member = words[1:] if only_known else words
        known = self._value(key) or {}
        if only_known and member not in known:
            return 0
        new = member not in known
        self._of(key, dict)[member] = float(score)
        return int(new)

    def zscore(self, key: bytes, member: bytes) -> Reply:
        score = (self._value(key) or {}).get(member)
        return None if score is None else _number(score)

    def zrem(self, key: bytes, *members: bytes) -> Reply:
        return self.srem(key, *members)

    def zrange(self, key: bytes, first: bytes, last: bytes, *options: bytes) -> Reply:
        if (first, last) != (b"0", b"-1"):
            raise WrongCommand("ERR only whole ranges are simulated")
        scores = sorted((self._value(key) or {}).items(), key=lambda item: (item[1], item[0]))
        if not options:
            return [member for member, _ in scores]
        return [part for member, score in scores for part in (member, _number(score))]

    # -- streams ----------------------------------------------------------------------------------------------------

    def xadd(self, key: bytes, *words: bytes) -> Reply:
        most = None
        if words[0].upper() == b"MAXLEN":
            most, words = int(words[1]), words[2:]
        items = self._of(key, dict)
        number = int(words[0])
        if items and number <= next(reversed(items)):
            raise WrongCommand("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        items[number] = list(words[1:])
        while most is not None and len(items) > most:
            del items[next(iter(items))]
        return b"%d-0" % number

    def xrange(self, key: bytes, first: bytes, last: bytes, *options: bytes) -> Reply:
        low, high = _bounds(first, last)
        found = [[b"%d-0" % at, item] for at, item in (self._value(key) or {}).items() if low <= at <= high]
        return found[: _count(options)]

    def xrevrange(self, key: bytes, last: bytes, first: bytes, *options: bytes) -> Reply:
        return self.xrange(key, first, last)[::-1][: _count(options)]

    # -- within -----------------------------------------------------------------------------------------------------

    def _value(self, key: bytes) -> Any:
        if self._ends.get(key, float("inf")) <= self._now():
            self._remove(key)
        return self._values.get(key)

    def _of(self, key: bytes, kind: Callable[[], Any]) -> Any:
        value = self._value(key)
        if value is None:
            value = self._values[key] = kind()
        return value

    def _remove(self, key: bytes) -> bool:
        self._ends.pop(key, None)
        return self._values.pop(key, None) is not None

    def _drop_empty(self, key: bytes) -> None:
        if key in self._values and not self._values[key]:
            self._remove(key)


setattr(RedisData, "del", RedisData.del_)


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


def _number(score: float) -> bytes:
    return b"%d" % score if score.is_integer() else repr(score).encode()


def _bounds(first: bytes, last: bytes) -> tuple[float, float]:
    return (
        float("-inf") if first == b"-" else int(first),
        float("inf") if last == b"+" else int(last),
    )


def _count(options: tuple[bytes, ...]) -> int | None:
    return int(options[1]) if options else None
