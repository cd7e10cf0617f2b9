"""Legal but odd values of every type of column: written, changed beside, and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.twin.statements import Episode, Family, Statement

COLUMNS = {
    "js": ("json", r"""{"a":"x\u0000y"}""", r'"\ud800"', "[1e200000]", "1e-400", '{"a":1, "a":2}', "[" * 90 + "]" * 90,
           "null", '"text"', "-0", "[12345678901234567890123]", '{"":null}', " [ 1 ] "),
    "jb": ("jsonb", '{"a":1, "a":2}', "1e-400", "null", "[" * 200 + "]" * 200, "12345678901234567890.5", '"é"'),
    "num": ("numeric", "NaN", "Infinity", "-Infinity", "1e300", "0.1000", "-0.0", "123456789012345678901234567890.123"),
    "money2": ("numeric(10,2)", "NaN", "0.10", "12345678.99", "-1"),
    "whole": ("numeric(15)", "999999999999999", "NaN", "0"),
    "r": ("real", "0.2", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "-0", "16777217"),
    "dp": ("double precision", "0.1", "NaN", "Infinity", "5e-324", "1.7976931348623157e308", "-0", "1e22"),
    "big": ("bigint", "9007199254740993", "9223372036854775807", "-9223372036854775808", "9007199254740991", "0"),
    "small": ("smallint", "-32768", "32767"),
    "flag": ("boolean", "yes", "off"),
    "d": ("date", "infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "0001-01-01", "10000-01-01", "2024-02-29"),
    "ts": ("timestamp", "infinity", "-infinity", "4713-01-01 00:00 BC", "294276-12-31 23:59:59", "2024-02-29 24:00:00"),
    "tz": ("timestamptz", "infinity", "-infinity", "4713-01-01 00:00+00 BC", "10000-01-01 00:00+00",
           "9999-12-31 23:59:59.999999+00", "0001-01-01 00:00+00", "2026-03-29 02:30 Europe/Berlin"),
    "t": ("time", "24:00:00", "00:00:00.000001"),
    "ttz": ("timetz", "24:00:00-15:59", "12:00+05:45"),
    "iv": ("interval", "-1 year 2 days -00:00:01", "178000000 years", "0"),
    "b": ("bytea", "\\x00ff", "\\x", "abc"),
    "u": ("uuid", "00000000-0000-0000-0000-000000000000", "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}"),
    "ip": ("inet", "::ffff:1.2.3.4/96", "10.0.0.1/8"),
    "ra": ("int4range", "empty", "(,)", "[1,5)"),
    "arr": ("text[]", '{NULL,"NULL","a,b","\\"q\\""}', "{}", "{{a,b},{c,d}}", "[0:1]={a,b}"),
    "bits": ("bit(4)", "0000", "1010"),
    "ch": ("char(5)", "ab", "     ", "äöü"),
    "txt": ("text", "\x01\x1f\x7f", "\U0001f600\ufffe", "a\u2028b", "\\", '"', "e\u0301", "x" * 70_000),
    "nm": ("name", "a" * 63,),
    "cash": ("money", "12.50", "-0.01"),
    "pt": ("point", "(1,2)", "(NaN,Infinity)"),
    "x": ("xml", "<a/>",),
    "tsv": ("tsvector", "'a':1 'b':2",),
}  # fmt: skip
"""The type of each column, and values for it."""
POSTGRES = (
    "create table odd (id bigint primary key, other integer default 0, "
    + ", ".join(f"{name} {kind}" for name, (kind, *_) in COLUMNS.items() if kind != "xml")
    + ")",
    "create table texts (k text primary key, v text)",
    "create table moments (k timestamptz primary key, v text)",
    "create table keyed (k numeric primary key, v text)",
    'insert into odd (id, js) values (1, \'{"a":"x\\u0000y"}\')',
)


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def postgres(chance: Random) -> Iterator[Episode]:
    names = [name for name in COLUMNS if COLUMNS[name][0] != "xml"]
    wanted = [(name, value) for name in names for value in COLUMNS[name][1:]]
    chance.shuffle(wanted)
    yield [Statement("update odd set other = 1"), Statement("delete from odd where id = 1")]
    number = 10
    while True:
        taken, wanted = wanted[:6], wanted[6:] + wanted[:6]
        episode: Episode = []
        for name, value in taken:
            number += 1
            key = chance.choice((number, 9007199254740993 + number, -(2**63) + number))
            episode += [
                Statement(f"insert into odd (id, {name}) values ({key}, {literal(value)}) returning {name}"),
                Statement(f"update odd set other = other + 1 where id = {key}"),
                *([Statement(f"delete from odd where id = {key}")] if chance.random() < 0.4 else []),
                *([Statement(f"update odd set {name} = null where id = {key}")] if chance.random() < 0.3 else []),
            ]
        episode.append(chance.choice(KEYS))
        yield episode


KEYS = [
    Statement("insert into texts values (repeat('long key ', 280), 'v') on conflict do nothing"),
    Statement("insert into texts values ('', 'empty'), (e'\\t\\n\"\\\\', 'odd') on conflict do nothing"),
    Statement("update texts set k = k || '.' where length(k) < 2000"),
    # One time that the wire does not have: two of them would be two rows with the same key there.
    Statement("insert into moments values ('infinity', 'v'), ('2026-01-01 00:00+00', 'v') on conflict do nothing"),
    Statement("insert into keyed values ('NaN', 'v'), (1e20, 'v'), (1.10, 'v') on conflict do nothing"),
    Statement("delete from texts"),
    Statement("delete from moments where k = 'infinity'"),
]

SQLITE = (
    "create table odd (id integer primary key, other integer default 0, i integer, r real, t text, n numeric, b blob, "
    "any, flag boolean, at datetime, js json)",
    "create table keyed (k text primary key, v text)",
    "create table pairs (a integer, b text, v text, primary key (a, b))",
    "insert into odd (id, t) values (1, x'00ff')",
)
ODD: tuple[Any, ...] = (
    2**53 + 1, 2**63 - 1, -(2**63), 0.1, 1e308, float("inf"), float("-inf"), -0.0, 5e-324, 1e22, "", "text", "1e400",
    "\x00in\x00side", "\x01\x1f\x7f", "\U0001f600", "\ufffe", "a\u2028b", 'q"\\', b"", b"\x00\xff", b"text", None, True,
    "2024-02-29", "24:00", '{"a":"\\u0000"}', '"\\ud800"', "[1e999]", "{bad", "[" * 90 + "]" * 90, "x" * 70_000,
    "12345678901234567890", 0.1 + 0.2, "e\u0301", "NaN", 1.5e300,
)  # fmt: skip


def sqlite(chance: Random) -> Iterator[Episode]:
    wanted = list(ODD)
    chance.shuffle(wanted)
    yield [Statement("update odd set other = 1"), Statement("delete from odd where id = 1")]
    number = 10
    while True:
        taken, wanted = wanted[:5], wanted[5:] + wanted[:5]
        episode: Episode = []
        for value in taken:
            number += 1
            key = chance.choice((number, 9007199254740993 + number, -(2**63) + number))
            name = chance.choice(("i", "r", "t", "n", "b", "any", "flag", "at", "js"))
            episode += [
                Statement(f"insert into odd (id, {name}) values ({key}, ?) returning {name}", values=(value,)),
                Statement(f"update odd set other = other + 1 where id = {key}"),
                # A BLOB in a key is sent as its hexadecimal digits, which may be another row's text; NULL names no row.
                Statement("replace into keyed values (?, ?)", values=(str(value), value)),
                Statement("insert or ignore into pairs values (?, ?, 1)", values=(number, value)),
                *([Statement(f"delete from odd where id = {key}")] if chance.random() < 0.4 else []),
                *([Statement("update keyed set v = 1")] if chance.random() < 0.3 else []),
            ]
        yield episode


FAMILIES = [
    Family("values", "postgresql", POSTGRES, postgres),
    Family("values", "sqlite", SQLITE, sqlite),
]
