"""Changes to rows in every spelling, alone and in transactions, with the errors that owners' programs meet."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES = (
    "create type mood as enum ('sad', 'ok', 'happy')",
    "create domain address as text check (value like '%@%')",
    "create table things (id serial primary key, name text not null, note varchar(40), n integer default 0 check "
    "(n < 1000), price double precision, flag boolean default false, at timestamptz, mood mood, mail address, "
    "code text unique, twice integer generated always as (n * 2) stored)",
    "create table tags (thing_id integer references things on update cascade on delete cascade deferrable initially "
    "deferred, label text, weight smallint, primary key (thing_id, label))",
    "create table audit (id bigserial primary key, what text, thing integer)",
    "create function audit() returns trigger language plpgsql as $$ begin if tg_op = 'DELETE' then "
    "insert into audit (what, thing) values ('gone', old.id); else insert into audit (what, thing) values "
    "('new', new.id); end if; return null; end $$",
    "create trigger audit after insert or delete on things for each row execute function audit()",
)
SQLITE = (
    "create table things (id integer primary key, name text not null, note varchar(40), n integer default 0 check "
    "(n < 1000), price real, flag boolean default false, at datetime, code text unique, "
    "twice integer generated always as (n * 2))",
    "create table tags (thing_id integer references things on update cascade on delete cascade deferrable initially "
    "deferred, label text, weight integer, primary key (thing_id, label))",
    "create table audit (id integer primary key autoincrement, what text, thing integer)",
    "create unique index lower_names on things (lower(name)) where n > 900",
    "create trigger audit_new after insert on things begin insert into audit (what, thing) values ('new', new.id); end",
    "create trigger audit_gone after delete on things begin insert into audit (what, thing) values ('gone', old.id); "
    "end",
)
BOTH = (
    "insert into things (name, n) values ('{w}', {n})",
    "insert into things (name, n, code) values ('{w}', {n}, '{c}'), ('{v}', {m}, '{d}')",
    "insert into things (name, n, price) values ('{w}', {n}, {n}.5) returning id, name, twice",
    "insert into things (id, name) values ({k}, '{w}')",
    "insert into things (name, n) select name || '+', n + 1 from things where n < {n} order by id limit 3",
    "insert into things (name, code) values ('{w}', '{c}') on conflict do nothing",
    "insert into things (name, code, n) values ('{w}', '{c}', {n}) on conflict (code) do update set n = things.n + 1, "
    "name = excluded.name returning id, n",
    "insert into things (id, name) values ({k}, '{w}') on conflict (id) do update set note = 'm' where things.n > {n}",
    "insert into things (name) values (null)",
    "insert into things (name, n) values ('{w}', 4711)",
    "insert into things (name, nothing) values ('{w}', 1)",
    "insert into tags (thing_id, label, weight) values ({k}, '{w}', {n})",
    "insert into tags (thing_id, label) select id, '{w}' from things order by id limit 2",
    "insert into tags (thing_id, label) values (99999, '{w}')",
    "update things set n = n + 1",
    "update things set n = n, name = name",
    "update things set name = '{w}', flag = not flag where id = {k} returning id, flag",
    "update things set price = 1.0 / 3 where n < {n}",
    "update things set id = id + 50 where id = {k}",
    "update things set code = '{c}' where id = {k}",
    "update things set note = null where n = {n}",
    "update things set n = 999999 where id = {k}",
    "update things set n = other.n from (select max(n) as n from things where n < 900) as other where id = {k}",
    "update tags set weight = coalesce(weight, 0) + 1 where thing_id = {k} returning *",
    "update tags set label = label || '!' where thing_id = {k}",
    "delete from things where id = {k} returning name",
    "delete from things where n = {n}",
    "delete from tags where thing_id in (select id from things where n > {n})",
    "delete from things where id = 424242",
    "with gone as (select id from things where n < {n} order by id limit 1) delete from things where id in "
    "(select id from gone)",
    "select count(*), max(id) from things",
    "select id, name, n from things order by id",
)
POSTGRES_ONLY = (
    "insert into things default values",
    "insert into things (name, mail) values ('{w}', 'no address')",
    "insert into things (name, mood, at) values ('{w}', 'happy', '2026-01-0{d1} 00:00+03')",
    "insert into things (name, mood) values ('{w}', 'furious')",
    "insert into things (name, n) select 'many' || i, i from generate_series(1, 40) i",
    "with new as (insert into things (name, n) values ('{w}', {n}) returning id) insert into tags select id, 'cte', 1 "
    "from new returning thing_id",
    "with gone as (delete from tags where thing_id = {k} returning *) select count(*) from gone",
    "with once as (update things set n = n + 1 where id = {k} returning id) delete from tags using once "
    "where thing_id = once.id",
    "delete from things using tags where tags.thing_id = things.id and tags.label = '{w}'",
    "merge into things t using (values ({k}, '{w}')) v (id, name) on t.id = v.id when matched then update set "
    "name = v.name when not matched then insert (name) values (v.name)",
    "merge into things t using (values ({k})) v (id) on t.id = v.id when matched and t.n > {n} then delete "
    "when matched then do nothing",
    "truncate tags",
    "truncate things, tags",
    "truncate things",
    "truncate things cascade",
    "truncate things restart identity cascade",
    "update things set (name, n) = (select '{w}', {n}) where id = {k}",
    "update things set name = name || '.' where ctid = (select ctid from things order by id limit 1)",
    "do $$ begin insert into things (id, name) values ({k}, 'a'); insert into things (id, name) values ({k}, 'b'); "
    "exception when unique_violation then update things set note = 'twice' where id = {k}; end $$",
    "do $$ declare r record; begin for r in select id from things order by id limit 4 loop update things set n = n + 1 "
    "where id = r.id; end loop; end $$",
    "do $$ declare c cursor for select * from things order by id for update; r things; begin open c; fetch c into r; "
    "if found then update things set note = 'current' where current of c; end if; close c; end $$",
    "select setval('things_id_seq', 100 + {n})",
    "select currval('things_id_seq')",
    "table tags",
    "insert into things (name) values ('{w}'); update things set n = 7 where name = '{w}'; select count(*) from things",
)
SQLITE_ONLY = (
    "replace into things (id, name, code) values ({k}, '{w}', '{c}')",
    "replace into things (name, code) values ('{w}', '{c}')",
    "replace into things (name, n) values ('{w}', 950), ('{v}', 951)",
    "insert or ignore into things (id, name) values ({k}, '{w}'), ({m}, '{v}')",
    "insert or ignore into things (name) values (null)",
    "insert or abort into things (id, name) values ({m}, '{w}'), ({m}, '{w}')",
    "insert or fail into things (id, name) values ({n}, '{w}'), ({k}, '{w}')",
    "insert or rollback into things (id, name) values ({k}, '{w}')",
    "update or replace things set id = {m} where id = {k}",
    "update or replace things set code = '{c}'",
    "update or ignore things set code = '{c}' where n < {n}",
    "update or fail things set code = '{c}'",
    "update things set rowid = rowid + 40 where id = {k}",
    "insert into tags values ({k}, '{w}', 1), ({k}, '{v}', 2)",
    "insert or replace into tags values ({k}, '{w}', {n})",
    "replace into tags select thing_id, label, weight + 1 from tags",
    "delete from tags",
    "delete from audit where id % 2",
    "insert into things (name, n) values ('{w}', {n}), ('{v}', {m}) returning *",
    "update things set (name, n) = ('{w}', {n}) where id = {k}",
    "with recursive up (i) as (select 1 union all select i + 1 from up where i < 30) insert into things (name, n) "
    "select 'many', i from up",
    "insert into things (name, n, price) values ('{w}', 'text in n', 1e400)",
    "insert into things (name, price) values (x'00ff', 'text')",
    "pragma recursive_triggers = on",
    "pragma recursive_triggers = off",
    "pragma foreign_keys = on",
    "pragma foreign_keys = off",
    "pragma defer_foreign_keys = on",
)
WORDS = ("oak", "elm", "Ash", "fir", "é", "日本", "it''s", "a\\b", 'q"u', "")


def statement(chance: Random, templates: tuple[str, ...]) -> str:
    """One of the statements, with values."""
    numbers = {name: chance.randrange(12) for name in ("n", "m", "k", "d1")}
    words = {name: chance.choice(WORDS) for name in ("w", "v", "c", "d")}
    numbers["d1"] = chance.randrange(1, 9)
    text = chance.choice(templates)
    for name, value in {**numbers, **words}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def postgres(chance: Random) -> Iterator[Episode]:
    templates = BOTH + POSTGRES_ONLY
    yield [Statement("copy things (name, n) from stdin", data=b"copied\t1\ntwice\t2\n")]
    yield [Statement("copy things (name, n) from stdin", data=b"copied\t1\n\\N\t2\n")]
    while True:
        if chance.random() < 0.4:
            yield [Statement(statement(chance, templates)) for _ in range(4)]
            continue
        inside = [Statement(statement(chance, templates)) for _ in range(chance.randrange(1, 5))]
        if chance.random() < 0.5:
            inside.insert(chance.randrange(len(inside) + 1), Statement("set constraints all immediate"))
        yield [Statement("begin"), *inside, Statement(chance.choice(("commit", "commit", "rollback")))]


def sqlite(chance: Random) -> Iterator[Episode]:
    templates = BOTH + SQLITE_ONLY
    while True:
        if chance.random() < 0.5:
            yield [Statement(statement(chance, templates)) for _ in range(6)]
            continue
        inside = [Statement(statement(chance, templates)) for _ in range(chance.randrange(1, 6))]
        begin = chance.choice(("begin", "begin immediate", "begin exclusive", "savepoint s"))
        end = "release s" if begin == "savepoint s" else chance.choice(("commit", "end", "rollback"))
        yield [Statement(begin), *inside, Statement(end), Statement("rollback")]


FAMILIES = [
    Family("dml", "postgresql", POSTGRES, postgres),
    Family("dml", "sqlite", SQLITE, sqlite),
]
