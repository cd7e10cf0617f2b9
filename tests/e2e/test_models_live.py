"""A program writes with the models: subscribers get every committed change, and no change that was rolled back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

from tests.e2e.test_rows_live import subscribe
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, python
from tests.support.wire import wire

PROGRAM = """
    import sys

    import peewee

    from tidegate.store import models

    db = models.open(sys.argv[1], schema=sys.argv[2])
    User, Task = db.users, db.tasks

    ada = User.create(name="Ada", email="ada@example.com")
    bob = User(name="Bob", email="bob@example.com", status="inactive")
    bob.save()
    try:
        with db:
            User.create(name="Nobody", email="nobody@example.com")
            bob.delete_instance()
            raise RuntimeError
    except RuntimeError:
        pass
    with db:
        bob.status = "active"
        bob.save()
        try:
            with db.atomic():
                Task.create(user_id=ada.id, title="undone")
                Task.create(user_id=99, title="of nobody")
        except peewee.IntegrityError:
            pass
        Task.insert_many([{"user_id": ada.id, "title": f"task {n}", "done": n == 2} for n in range(3)]).execute()
    Task.update(priority=5).where(Task.title == "task 1").execute()
    bob.save()
    bob.delete_instance()
"""


def run(gateway: GatewayProcess, program: str) -> None:
    """Run a program of the application to its end."""
    python(textwrap.dedent(program), gateway.database_url, str(ROOT / "schema"))


async def test_subscribers_get_what_a_program_commits_and_not_what_it_rolls_back(any_gateway: GatewayProcess) -> None:
    gateway = any_gateway
    async with wire(gateway.url) as client, wire(gateway.url) as some:
        await subscribe(client)
        await client.ask({"type": "subscribe", "resource": "tasks"})
        await subscribe(some, filters={"status": "active"})
        await asyncio.to_thread(run, gateway, PROGRAM)
        gateway.execute("INSERT INTO users (name, email) VALUES ('last', 'last@example.com')")
        await client.hear(lambda message: message["type"] == "update" and message["data"].get("name") == "last")
        await some.hear(lambda message: message["type"] == "update" and message["data"].get("name") == "last")
        told = [
            (message["resource"], message["action"], *map(message["data"].get, ("name", "status", "title", "priority")))
            for message in client.heard[:-1]
            if message["type"] == "update"
        ]
        assert told == [
            ("users", "create", "Ada", "active", None, None),
            ("users", "create", "Bob", "inactive", None, None),
            ("users", "update", "Bob", "active", None, None),
            ("tasks", "create", None, None, "task 0", 3),
            ("tasks", "create", None, None, "task 1", 3),
            ("tasks", "create", None, None, "task 2", 3),
            ("tasks", "update", None, None, "task 1", 5),
            ("users", "delete", None, None, None, None),
        ]
        seen = [
            (message["action"], message["data"].get("name")) for message in some.heard if message["type"] == "update"
        ]
        assert seen == [("create", "Ada"), ("create", "Bob"), ("delete", None), ("create", "last")]


def test_the_data_layer_imports_without_the_models() -> None:
    program = "import sys, tidegate.store; sys.exit('tidegate.store.models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=DEADLINE_S)
    assert done.returncode == 0
