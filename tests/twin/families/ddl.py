"""Definitions that the owner changes while the gateway serves: columns, tables, children, indexes, types.

First come changes that leave the shared columns as they are; then one that takes a shared table or column away. After
that one the gateway may say that it cannot go on, and the owner's statements still have to do what they did.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES = (
    "create table items (id integer primary key, name text, qty integer, extra text)",
    "create table orders (id serial primary key, item integer references items, at date default '2026-01-01')",
    "insert into items values (1, 'one', 1, 'x'), (2, 'two', 2, 'y')",
    "insert into orders (item) values (1)",
)
SQLITE = (
    "create table items (id integer primary key, name text, qty integer, extra text)",
    "create table orders (id integer primary key, item integer references items, at date default '2026-01-01')",
    "create table loose (a text, b integer)",
    "insert into items values (1, 'one', 1, 'x'), (2, 'two', 2, 'y')",
    "insert into orders (item) values (1)",
)
HARMLESS = (
    ("alter table items add column note text", "update items set note = 'noted'"),
    (
        "alter table items add column size integer default 5",
        "insert into items (id, name, size) values (31, 'size', 6)",
    ),
    ("create index by_name on items (name)", "drop index by_name"),
    ("create view names as select id, name from items", "select * from names", "drop view names"),
    ("alter table orders add column why text default 'because'", "update orders set why = 'so'"),
    ("create table other (id integer primary key)", "insert into other values (1)", "drop table other"),
)
NEW_UNIQUE = (
    ("create unique index few on items (name) where qty > 100", "insert into items values (32, 'a', 200, null)"),
    ("create unique index lowered on items (lower(extra), qty)", "update items set qty = qty + 1"),
)
"""The triggers in SQLite have to know each unique index: the gateway asks for `tidegate migrate`."""
POSTGRES_HARMLESS = (
    *NEW_UNIQUE,
    ("alter table items add column twice integer generated always as (qty * 2) stored", "update items set qty = 5"),
    ("alter table items alter qty type bigint", "update items set qty = 5000000000 where id = 1"),
    ("alter table items alter extra type varchar(100)", "update items set extra = 'longer'"),
    ('alter table items alter name type text collate "C"', "update items set name = name || 'c'"),
    (
        "create type mood as enum ('sad', 'ok')",
        "alter table items add column mood mood",
        "update items set mood = 'ok'",
    ),
    ("create domain positive as integer check (value > 0)", "alter table items add column p positive default 1"),
    ("alter table items add check (qty >= 0)", "update items set qty = -1 where id = 1"),
    ('create collation if not exists german from "C"', "create index g on items (name collate german)"),
    ("alter table items set (fillfactor = 70)", "vacuum full items", "update items set qty = 3"),
    ("alter table items replica identity full", "cluster items using items_pkey", "reindex table items"),
    ("alter table items set unlogged", "update items set qty = 9", "alter table items set logged"),
    ("comment on table items is 'things'", "analyze items", "select obj_description('items'::regclass)"),
    (
        "create rule also as on update to items do also insert into orders (item) values (null)",
        "update items set qty = 4 where id = 1",
        "drop rule also on items",
    ),
    ("create index concurrently slow on items (qty)", "drop index concurrently slow"),
    ("alter table orders rename constraint orders_item_fkey to to_item", "insert into orders (item) values (99)"),
    ("alter table orders alter at set default '2027-01-01'", "insert into orders (item) values (1) returning at"),
    (
        "create table parted (id integer, v text) partition by list (id)",
        "create table part1 partition of parted for values in (1)",
        "insert into parted values (1, 'a')",
    ),
)
RENAMED = (
    "alter table items rename column name to title",
    "update items set title = 'renamed'",
    "insert into items (id, title) values (41, 'new')",
    "delete from items where id = 41",
    "update items set name = 'x'",
)
DROPPED = (
    "alter table items drop column extra",
    "insert into items (id, name) values (42, 'gone')",
    "update items set qty = 8",
    "delete from items where id = 42",
)
DROPPED_AND_ADDED = (
    "alter table items drop column extra",
    "alter table items add column extra text",
    "update items set extra = 'z'",
)
POSTGRES_HARMFUL = (
    RENAMED,
    DROPPED,
    (
        "alter table items alter qty type text using qty::text",
        "update items set qty = 'many'",
        "insert into items values (43, 'a', 'b', 'c')",
    ),
    ("alter table items rename to wares", "insert into wares (id, name) values (44, 'w')", "update items set qty = 1"),
    (
        "drop table items cascade",
        "create table items (id integer primary key, name text, qty integer, extra text)",
        "insert into items values (45, 'new', 1, 'n')",
        "update items set qty = 2",
        "delete from items",
    ),
    (
        "begin",
        "drop table items cascade",
        "create table items (id integer primary key, name text, qty integer, extra text)",
        "insert into items values (46, 'new', 1, 'n')",
        "commit",
        "update items set qty = 2",
    ),
    (
        "create table child () inherits (items)",
        "insert into child values (47, 'child', 1, 'c')",
        "update items set qty = 7 where id = 47",
        "delete from items where id = 47",
    ),
    ("alter table items disable trigger user", "update items set qty = 70", "alter table items enable trigger user"),
    DROPPED_AND_ADDED,
    ("create schema attic", "alter table items set schema attic", "update attic.items set qty = 5"),
    (
        "create table items2 (like items including all)",
        "insert into items2 select * from items",
        "alter table orders drop constraint if exists orders_item_fkey",
        "alter table items rename to items_old",
        "alter table items2 rename to items",
        "update items set qty = 55",
    ),
    ("alter table items alter id type bigint", "insert into items (id, name) values (9007199254740995, 'far')"),
    (
        "create table whole (id integer, name text, qty integer, extra text) partition by range (id)",
        "alter table items attach partition whole for values from (0) to (9)",
        "create table rest partition of whole default",
        "insert into whole values (60, 'rest', 1, 'r')",
    ),
)
SQLITE_HARMLESS = (
    ("alter table items add column twice integer generated always as (qty * 2)", "update items set qty = 5"),
    ("create index nocase on items (name collate nocase)", "update items set name = upper(name)", "reindex nocase"),
    (
        "create trigger also after update on items begin insert into orders (item) values (new.id); end",
        "update items set qty = 4 where id = 1",
        "drop trigger also",
    ),
    ("analyze", "update items set qty = 6"),
    ("create table strict_one (a integer) strict", "insert into strict_one values ('x')"),
    ("alter table loose rename column b to c", "insert into loose (a, c) values ('l', 1)", "update loose set c = 3"),
    ("alter table loose rename to looser", "insert into looser (a) values ('l')", "alter table looser rename to loose"),
    ("pragma user_version = 7", "pragma user_version", "pragma application_id = 42"),
    (
        "create temp trigger t after insert on items begin insert into orders (item) values (new.id); end",
        "insert into items values (51, 'temp', 1, null)",
        "drop trigger t",
    ),
)
SQLITE_HARMFUL = (
    *NEW_UNIQUE,
    RENAMED,
    (
        "alter table items rename to wares",
        "insert into wares (id, name) values (44, 'w')",
        "update wares set qty = 1",
        "update items set qty = 1",
    ),
    (
        "drop table items",
        "create table items (id integer primary key, name text, qty integer, extra text)",
        "insert into items values (45, 'new', 1, 'n')",
        "update items set qty = 2",
        "delete from items",
    ),
    (
        "pragma foreign_keys = off",
        "begin",
        "create table new_items (id integer primary key, name text not null, qty integer, extra text)",
        "insert into new_items select id, coalesce(name, ''), qty, extra from items",
        "drop table items",
        "alter table new_items rename to items",
        "commit",
        "update items set qty = 20",
        "pragma foreign_keys = on",
    ),
    (
        "alter table items rename to old_items",
        "create table items (id integer primary key, name text, qty integer, extra)",
        "insert into items select * from old_items",
        "drop table old_items",
        "update items set qty = 30",
    ),
    (
        "alter table items rename column qty to quantity",
        "alter table items rename column extra to qty",
        "update items set qty = 'text', quantity = 3",
    ),
)
AROUND = (
    "insert into items (id, name, qty) values ({k}, 'row {k}', {n})",
    "update items set qty = qty + 1 where id = {k}",
    "update items set name = 'named {n}' where id = {k}",
    "delete from items where id = {k}",
    "insert into orders (item) values ({k})",
    "delete from orders where item = {k}",
    "update orders set at = '2026-02-0{n}'",
    "select * from orders order by id",
)


def around(chance: Random) -> list[Statement]:
    texts = chance.sample(AROUND, 3)
    return [
        Statement(t.replace("{k}", str(chance.randrange(9))).replace("{n}", str(chance.randrange(1, 9)))) for t in texts
    ]


def episodes(
    chance: Random, harmless: tuple[tuple[str, ...], ...], harmful: tuple[tuple[str, ...], ...]
) -> Iterator[Episode]:
    for texts in chance.sample(harmless, 8):
        yield [*map(Statement, texts), *around(chance)]
    for texts in chance.sample(harmful, 2):
        yield [*(Statement(text, breaks=True) for text in texts), *around(chance), Statement("rollback")]


FAMILIES = [
    Family(
        "ddl", "postgresql", POSTGRES, lambda chance: episodes(chance, HARMLESS + POSTGRES_HARMLESS, POSTGRES_HARMFUL)
    ),
    Family("ddl", "sqlite", SQLITE, lambda chance: episodes(chance, HARMLESS + SQLITE_HARMLESS, SQLITE_HARMFUL)),
]
