"""Own writes in live queries of the Python client, on both databases: shown at once, and in the end as the table is."""

from __future__ import annotations

import asyncio

from app_contract import RESOURCES, User, UserCreate
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tidegate_client import LiveQuery, RequestRefused, connect


async def settled(live: LiveQuery[User], count: int) -> None:
    """No own write is on top any more, and all rows are there."""
    async with asyncio.timeout(DEADLINE_S):
        while len(live.rows) != count or any(key < 0 for key in live.rows):
            await anext(live)


async def test_own_writes_end_as_the_table_has_them(any_gateway: GatewayProcess) -> None:
    admin = any_gateway.token("ann", "--role", "admin")
    async with (
        connect(any_gateway.url, token=admin, optimistic=True, resources=RESOURCES) as client,
        connect(any_gateway.url) as other,
    ):
        users = client.resource(User)
        mine = {"email": {"startswith": "own-"}}
        live = await (await client.subscribe(User, mine, sort=["-name"], limit=5)).loaded()
        active = await (await client.subscribe(User, {**mine, "status": "active"})).loaded()
        creating = [
            asyncio.ensure_future(users.create(UserCreate(name=f"n{number}", email=f"own-{number}@example.org")))
            for number in range(8)
        ]
        await asyncio.sleep(0)
        assert [row.name for row in live.rows.values()] == ["n7", "n6", "n5", "n4", "n3"], "at once"
        assert all(key < 0 for key in live.rows)
        assert live.has_more
        made = await asyncio.gather(*creating)
        await settled(active, 8)
        assert [row.id for row in live.rows.values()] == [row.id for row in reversed(made)][:5]

        again = asyncio.ensure_future(users.create(UserCreate(name="n9", email="own-3@example.org")))
        await asyncio.sleep(0)
        assert next(iter(live.rows.values())).name == "n9"
        try:
            await again
        except RequestRefused as error:
            assert error.code == "conflict", "the address is taken"
        assert next(iter(live.rows.values())).name == "n7"

        first, second = made[:2]
        await other.resource(User).update(second.id, {"name": "other"})
        work = [
            users.update(first.id, {"status": "inactive"}),
            users.update(first.id, {"status": "active"}),
            users.delete_many([row.id for row in made[2:]]),
        ]
        doing = [asyncio.ensure_future(one) for one in work]
        await asyncio.sleep(0)
        assert {row.id for row in active.rows.values()} == {first.id, second.id}
        await asyncio.gather(*doing)
        await settled(active, 2)
        in_table = await users.list(mine, sort=["-name"])
        async with asyncio.timeout(DEADLINE_S):
            while list(live.rows.values()) != in_table:
                await anext(live)
        assert dict(active.rows) == {row.id: row for row in await users.list({**mine, "status": "active"})}
