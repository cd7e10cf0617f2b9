"""Users with few rights: grants by table and column, row level security and FORCE, views, definers, changed owners."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES = (
    "create table notes (id serial primary key, holder text default current_user, body text, secret text)",
    "create table open_to_all (id integer primary key, v text)",
    "create table guarded (id serial primary key, holder text default current_user, body text)",
    "grant insert, select, update (body) on notes to clerk",
    "grant usage on sequence notes_id_seq, guarded_id_seq to clerk, guest",
    "grant all on open_to_all to public",
    "grant select, insert, update, delete on guarded to clerk, guest",
    "grant insert (body), select (id, body) on notes to guest",
    "create policy own on guarded using (holder = current_user) with check (holder = current_user)",
    "create view mine as select id, body from notes where holder = current_user with check option",
    "grant select, insert, update on mine to clerk, guest",
    "create function as_owner(text) returns bigint language sql security definer as "
    "'insert into notes (body) values ($1) returning id'",
    "revoke all on function as_owner from public",
    "grant execute on function as_owner to clerk",
    "insert into notes (body) values ('first')",
    "insert into guarded (body) values ('owners')",
)
TEXTS = (
    "insert into notes (body) values ('{n}')",
    "insert into notes (body) values ('{n}') returning id",
    "update notes set body = 'changed {n}'",
    "update notes set secret = 'no'",
    "delete from notes where id = {n}",
    "select count(*) from notes",
    "insert into open_to_all values ({n}, 'v')",
    "insert into open_to_all values ({n}, 'v') on conflict (id) do update set v = 'again'",
    "update open_to_all set v = v || '.'",
    "delete from open_to_all where id = {n}",
    "truncate open_to_all",
    "insert into guarded (body) values ('{n}')",
    "insert into guarded (holder, body) values ('someone', '{n}')",
    "update guarded set body = 'mine {n}'",
    "update guarded set holder = 'guest'",
    "delete from guarded where id = {n}",
    "select count(*) from guarded",
    "insert into mine (body) values ('view {n}')",
    "update mine set body = 'seen {n}'",
    "select as_owner('defined {n}')",
    "set role clerk",
    "set role none",
    "begin",
    "commit",
    "select has_schema_privilege('public', 'create'), current_user",
)
CHANGES = (
    ("alter table guarded enable row level security",),
    ("revoke insert on notes from clerk", "grant insert on notes to clerk"),
    ("create policy more on guarded for select using (true)", "drop policy more on guarded"),
    ("alter table open_to_all owner to clerk",),
    ("alter table guarded disable row level security",),
    ("revoke all on all tables in schema public from guest",),
    ("alter default privileges grant select on tables to guest", "create table later (id integer)", "drop table later"),
)


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("alter table guarded enable row level security")]
    while True:
        user = chance.choice(("owner", "clerk/1", "guest/1"))
        texts = [chance.choice(TEXTS).replace("{n}", str(chance.randrange(9))) for _ in range(5)]
        yield [*(Statement(text, user) for text in texts), Statement("commit", user), Statement("set role none", user)]
        if chance.random() < 0.3:
            change = chance.choice(CHANGES)
            yield [Statement(text, "tidegate/admin" if "owner to" in text else "owner") for text in change]


def forced(chance: Random) -> Iterator[Episode]:
    """At the end the gateway's own user is under the policies."""
    mild = postgres(chance)
    for _ in range(6):
        yield next(mild)
    yield [
        Statement("alter table guarded enable row level security"),
        Statement("alter table guarded force row level security", breaks=True),
        Statement("insert into guarded (holder, body) values ('clerk', 'hidden')", "tidegate/admin"),
    ]
    for _ in range(3):
        yield next(mild)


FAMILIES = [
    Family("roles", "postgresql", POSTGRES, postgres),
    Family("forced policies", "postgresql", POSTGRES, forced),
]
