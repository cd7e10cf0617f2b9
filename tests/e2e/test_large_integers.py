"""Keys beyond 2^53 from another program's tables to clients: they stay different rows, filtered and written by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from tests.support.gateway import GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tidegate_client import RequestRefused, connect

A, B, C = (110_000_000_000_000_000 + number for number in (1, 2, 3))
Int64 = Annotated[int, msgspec.Meta(extra={"format": "int64"})]
TABLES = (
    "CREATE TABLE posts (id bigint NOT NULL PRIMARY KEY, owner bigint NOT NULL, parent bigint REFERENCES posts (id))",
    f"INSERT INTO posts VALUES ({A}, {2**60}, NULL), ({B}, {2**60}, {A}), ({C}, {2**60 + 1}, NULL)",
)
MESSAGES: dict[str, Any] = {
    "client/next": {
        "title": "NextRequest",
        "type": "object",
        "x-reply": "following",
        "x-access": {"send": "authenticated"},
        "properties": {
            "type": {"const": "next"},
            "ref": {"type": ["string", "integer"]},
            "of": {"type": "string", "format": "int64"},
        },
        "required": ["type", "of"],
    },
    "server/following": {
        "title": "Following",
        "type": "object",
        "properties": {
            "type": {"const": "following"},
            "ref": {"type": ["string", "integer"]},
            "is": {"type": "string", "format": "int64"},
        },
        "required": ["type", "is"],
    },
}
HANDLERS = """
from typing import Annotated
import msgspec
from tidegate.handlers import Gateway

gateway = Gateway()
Int64 = Annotated[int, msgspec.Meta(extra={"format": "int64"})]


class NextRequest(msgspec.Struct, kw_only=True):
    of: Int64


class Following(msgspec.Struct, kw_only=True):
    is_: Int64 = msgspec.field(name="is")


@gateway.on("next")
async def following(request: NextRequest) -> Following:
    return Following(is_=request.of + 1)
"""


class Post(msgspec.Struct, kw_only=True):
    id: Int64
    owner: Int64
    parent: Int64 | None = None


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    with ExitStack() as until_the_end:
        options = ("--dev", "--schema", "schema", "--handlers", "shop:gateway")
        if request.param == "sqlite":
            process: GatewayProcess = GatewayProcess(tmp_path, *options)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(tmp_path, until_the_end.enter_context(server.lent()), *options)
        for statement in TABLES:
            process.execute(statement)
        command(process, "introspect", "--database", process.database_url, "--out", "schema/resources")
        file = tmp_path / "schema" / "resources" / "posts.schema.json"
        schema = json.loads(file.read_text())
        own = {"where": {"owner": "$user.id"}}
        schema["x-access"] = {"read": own, "create": own, "update": own, "delete": own}
        file.write_text(json.dumps(schema))
        for name, content in MESSAGES.items():
            path = tmp_path / "schema" / f"{name}.schema.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content))
        (tmp_path / "shop.py").write_text(HANDLERS)
        command(process, "migrate", "--schema", "schema", "--database", process.database_url)
        process.start()
        yield process
        process.stop()


def command(gateway: GatewayProcess, *arguments: str) -> None:
    done = tidegate(*arguments, cwd=gateway.folder)
    assert done.returncode == 0, done.stderr


async def test_rows_with_close_keys_stay_different_rows(gateway: GatewayProcess) -> None:
    async with connect(gateway.url, token=gateway.token(str(2**60))) as client:
        posts = client.resource("posts", Post)
        assert [post.id for post in await posts.list(sort=["-id"])] == [B, A]
        assert (await posts.get(B)) == Post(id=B, owner=2**60, parent=A)
        assert await posts.get(C) is None
        live = await client.subscribe("posts", {"id": {"gt": A}}, model=Post)
        await live.loaded()
        assert list(live.rows) == [B]
        assert (await anext(live)).action == "reset"
        gateway.execute(f"INSERT INTO posts (id, owner) VALUES ({C + 7}, {2**60}), (9, {2**60})")
        change = await anext(live)
        assert (change.action, change.key) == ("create", C + 7)
        gateway.execute(f"UPDATE posts SET parent = {B} WHERE id IN ({A}, {C}, {C + 7})")
        assert [(await anext(live)).row] == [Post(id=C + 7, owner=2**60, parent=B)]
        created = await posts.create(Post(id=2**63 - 1, owner=2**60, parent=A))
        assert created.id == 2**63 - 1
        assert (await anext(live)).key == 2**63 - 1
        with pytest.raises(RequestRefused) as refused:
            await posts.create({"id": 5, "owner": 2**60 + 1})
        assert refused.value.code == "forbidden"
        assert [post.id for post in await posts.list({"parent": {"in": [A, B]}})] == [A, B, C + 7, 2**63 - 1]
        untyped = await client.resource("posts").get(str(A))
        assert untyped == {"id": str(A), "owner": str(2**60), "parent": str(B)}
        assert (await client.request({"type": "next", "of": str(2**53)}))["is"] == str(2**53 + 1)
