"""Functions and collations that a program or an owner defines, in columns, indexes, checks, defaults and triggers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES = (
    'create collation folded from "C"',
    "create function title_sort(text) returns text language sql immutable as $$ select regexp_replace($1, "
    "'^The ', '') $$",
    "create function checked(integer) returns boolean language plpgsql immutable as $$ begin if $1 = 13 then raise "
    "exception 'thirteen'; end if; return $1 < 100; end $$",
    "create domain even as integer check (value % 2 = 0)",
    "create function numbered() returns integer language sql as $$ select 41 + 1 $$",
    "create table books (id serial primary key, title text collate folded unique, pages integer check "
    "(checked(pages)), parts even, shelf integer default numbered(), "
    "sort text generated always as (title_sort(title)) stored)",
    "create index by_sort on books (title_sort(title))",
    "create function before_books() returns trigger language plpgsql as $$ begin new.pages := new.pages + 1; "
    "if new.title = 'refused' then raise exception 'the owner says no' using errcode = 'ZZ001'; end if; "
    "if new.title = 'skipped' then return null; end if; return new; end $$",
    "create trigger before_books before insert or update on books for each row execute function before_books()",
    "create table shelves (id integer primary key, books integer)",
    "create function count_books() returns trigger language plpgsql as $$ begin insert into shelves values "
    "(1, (select count(*) from books)) on conflict (id) do update set books = excluded.books; return null; end $$",
    "create trigger count_books after insert or delete on books for each statement execute function count_books()",
    "create function cascade_pages() returns trigger language plpgsql as $$ begin if pg_trigger_depth() < 2 then "
    "update books set parts = 2 where id <> new.id and parts is null; end if; return null; end $$",
    "create trigger zz_last after update of shelf on books for each row execute function cascade_pages()",
    "create trigger no_change before update on shelves for each row execute function "
    "suppress_redundant_updates_trigger()",
)
SQLITE = (
    "create table books (id integer primary key, title text collate unicase, pages integer, sort text)",
    "create unique index titles on books (title)",
    "create index sorts on books (title_sort(title))",
    "create table shelves (id integer primary key, books integer)",
    "create table cards (id integer primary key, name text collate unicase unique, deck text)",
    "create trigger sorted after insert on books begin update books set sort = title_sort(new.title) "
    "where id = new.id; end",
    "create trigger counted after insert on books begin insert or replace into shelves "
    "values (1, (select count(*) from books)); end",
    "create trigger no before insert on books when new.title = 'refused' begin select "
    "raise(abort, 'the owner says no'); end",
    "create trigger skip before insert on books when new.title = 'skipped' begin select raise(ignore); end",
)
TEXTS = (
    "insert into books (title, pages) values ('{t}', {n})",
    "insert into books (title, pages) values ('{t}', {n}) on conflict do nothing",
    "insert into books (title) values ('{t}') returning id",
    "update books set pages = {n} where id = {k}",
    "update books set title = '{t}' where id = {k}",
    "update books set title = upper(title)",
    "delete from books where title = '{t}'",
    "delete from books where id = {k}",
    "select title, sort from books order by id",
)
MORE = {
    "postgresql": ("update books set shelf = shelf + 1", "insert into books (parts) values (3)",
                   "insert into books (pages) values (12)", "insert into books (pages) values (500)"),
    "sqlite": ("replace into books (title, pages) values ('{t}', {n})", "update or replace books set title = '{t}'",
               "insert into cards (name) values ('{t}')", "replace into cards (name, deck) values ('{t}', '{n}')",
               "update cards set name = lower(name)", "delete from cards where name = '{t}'"),
}  # fmt: skip
TITLES = ("The Oak", "the oak", "Elm", "ELM", "straße", "STRASSE", "refused", "skipped", "")


def episodes(chance: Random, database: str) -> Iterator[Episode]:
    while True:
        texts = [chance.choice(TEXTS + MORE[database]) for _ in range(6)]
        yield [
            Statement(
                text.replace("{t}", chance.choice(TITLES))
                .replace("{n}", str(chance.randrange(15)))
                .replace("{k}", str(chance.randrange(9)))
            )
            for text in texts
        ]


FAMILIES = [
    Family("functions", "postgresql", POSTGRES, lambda chance: episodes(chance, "postgresql")),
    Family("functions", "sqlite", SQLITE, lambda chance: episodes(chance, "sqlite")),
]
