"""The application's tables as peewee models for Python programs: subscribers get every row that a program saves.

    from tidegate.store import models

    db = models.open("sqlite:///tidegate.db", schema="schema")
    db.users.create(name="Ada", email="ada@example.com")

`tidegate migrate` makes and changes the tables; these models only use them. `open` reads the schema files once. Nothing
is written outside of the tables.
Invariant: the tables' triggers log every row that is written here, in the same transaction.
"""

from __future__ import annotations

import difflib
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import peewee
from playhouse.pool import PooledPostgresqlDatabase

from tidegate import schema as schemas
from tidegate.contract import Resource
from tidegate.store import backends
from tidegate.store.errors import StoreError
from tidegate.store.model_fields import field_of, in_statement, without_columns
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, PRAGMAS, Database, sqlite_path

__all__ = ["Models", "Row", "open"]

CONNECTIONS = 32
"""The most connections to PostgreSQL. Each thread that works with the database uses one."""
WAIT_S, STALE_S = 10, 300
"""How long a thread waits for a connection, and how long a connection is used."""


class Row(peewee.Model):
    """A row of a resource's table.

    It differs from a plain peewee model in three ways. `save` writes only the columns that were changed, so that it
    keeps what clients change at the same time. `save` inserts a new row whatever its key is. A name that is no field is
    refused. JSON values may be changed in place.
    """

    _stored = False
    """Whether this object was read from the table or saved to it."""

    def __init__(self, *args: Any, **values: Any) -> None:
        self._stored = bool(values.get("__no_default__"))
        fields: Any = type(self)._meta
        for name in () if self._stored else values:
            if name not in fields.combined:
                likely = difflib.get_close_matches(name, fields.fields, 1)
                hint = f"; did you mean {likely[0]!r}?" if likely else ""
                raise TypeError(f"{type(self).__name__} has no field {name!r}{hint}")
        super().__init__(*args, **values)

    @property
    def dirty_fields(self) -> list[peewee.Field]:
        changed = {field.name for field in super().dirty_fields}
        return [
            field
            for field in type(self)._meta.sorted_fields
            if field.name in changed or (getattr(field, "mutable", False) and field.name in self.__data__)
        ]

    def save(self, force_insert: bool = False, only: Any = None) -> Any:
        # An object with a given value for a key that the database counts means the existing row in peewee.
        named = type(self)._meta.auto_increment and self.get_id() is not None  # type: ignore[no-untyped-call]  # peewee's
        saved = super().save(force_insert or not (self._stored or named), only)
        self._stored = True
        return saved

    @classmethod
    def create_table(cls, *args: Any, **options: Any) -> None:  # noqa: ARG003  # as peewee has it
        raise StoreError("`tidegate migrate` makes the tables")

    @classmethod
    def drop_table(cls, *args: Any, **options: Any) -> None:  # noqa: ARG003  # as peewee has it
        raise StoreError("a manual migration drops tables; type: tidegate migrate --new NAME")


class Models:
    """A model for each resource: `db.users`, or `db["users"]` for any name. Iterating gives the names.

    It has no method `items`, `keys`, `values` or `get`, because resources are called so.

    `with db:` is a transaction on a connection that is returned to the pool at the end. `db.atomic()` is a transaction
    on the connection of the thread. `db.database` is peewee's database, for everything else.
    """

    def __init__(self, database: peewee.Database, resources: Mapping[str, Resource]) -> None:
        self.database = database
        self._models: dict[str, Any] = {name: model(resource, database) for name, resource in resources.items()}

    def __getattr__(self, name: str) -> Any:
        models = self.__dict__.get("_models", {})
        if name in models:
            return models[name]
        raise AttributeError(f"the schema has no resource {name!r}; it has: {', '.join(models)}")

    def __getitem__(self, name: str) -> Any:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._models]

    def __enter__(self) -> Models:
        self.database.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.database.__exit__(*error)

    def atomic(self, *options: Any) -> Any:
        """A transaction, or a savepoint within one; also a decorator."""
        return self.database.atomic(*options)

    def close(self) -> None:
        """Close the connection of the calling thread, and all idle connections."""
        self.database.close()
        if hasattr(self.database, "close_idle"):
            self.database.close_idle()


def open(url: str, *, schema: str | Path | None = None) -> Models:
    """The models of a migrated database.

    `schema`: the folder with the schema files. The default is ./schema, or the packaged sample where there is none.
    Raises StoreError for a database that is missing or not migrated to these schema files, and SchemaError for a folder
    that is missing or broken.
    """
    folder = Path(schema) if schema is not None else Path("schema") if Path("schema").is_dir() else None
    resources = schemas.unbundle(schemas.bundle(schemas.load(folder))).resources
    backends.migrations(url).check(url, resources)
    return Models(_database(url), resources)


def _database(url: str) -> peewee.Database:
    if backends.is_postgres(url):
        pool: peewee.Database = PooledPostgresqlDatabase(
            url.replace("postgres://", "postgresql://", 1),
            prefer_psycopg3=True,
            max_connections=CONNECTIONS,
            timeout=WAIT_S,
            stale_timeout=STALE_S,
        )
        return pool
    # IMMEDIATE: otherwise a transaction that reads and then writes fails at once while another one writes.
    path = sqlite_path(url).resolve()
    return Database(str(path), pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_MS / 1000, lock_type="IMMEDIATE")


def model(resource: Resource, database: peewee.Database) -> type[Row]:
    """The model of the table of `resource`."""
    names = field_names(resource)
    postgres = isinstance(database, peewee.PostgresqlDatabase)
    table = in_statement(resource.table, postgres)
    meta: dict[str, Any] = {"database": database, "table_name": table, "only_save_dirty": True}
    if len(resource.key) > 1:
        meta["primary_key"] = peewee.CompositeKey(*(names[name] for name in resource.key))
    fields = {names[name]: field_of(prop, resource, postgres) for name, prop in resource.properties.items()}
    members = {**fields, "Meta": type("Meta", (), meta), "__doc__": resource.schema.get("description")}
    made = type(resource.title or resource.name, (Row,), members)
    without_columns(made)
    return made


_USED = frozenset({"Meta", "_dirty", "_meta", "_schema", "_stored", "cls", "self"})


def _is_used(name: str) -> bool:
    """Whether peewee or Python have another meaning for the attribute `name` of a row."""
    return hasattr(peewee.Model, name) or name.startswith("__") or name in _USED


def field_names(resource: Resource) -> dict[str, str]:
    """The name of each property's field: the property's name, with `_` where Python or peewee use that name."""
    names: dict[str, str] = {}
    for name in resource.properties:
        field = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))
        if field != name or keyword.iskeyword(field) or _is_used(field) or not field.isidentifier():
            field = f"{field}_" if field.isidentifier() else f"_{field}_"
        while field in names.values() or (field != name and field in resource.properties):
            field += "_"
        names[name] = field
    return names
