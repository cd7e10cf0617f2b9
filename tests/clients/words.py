"""Reads the public names of both clients: TypeScript from its sources, Python by introspection.

It understands only how this client's sources are written: members of a class or an interface stand two spaces deep.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import fields, is_dataclass
from typing import Any, get_args

import tidegate_client
from tests.support.gateway import ROOT
from tidegate_client import Client, LiveQuery, Resource, Room, TidegateError, announcements
from tidegate_client.options import Options

TYPESCRIPT = ROOT / "clients" / "typescript" / "src"
PYTHON = ROOT / "clients" / "python" / "tidegate_client"
PROTOCOL = (ROOT / "generated" / "typescript" / "protocol.ts").read_text()
BETWEEN_PARTS: dict[type, set[str]] = {
    Room: {"opened", "receive", "change", "gap", "turned", "end", "session"},
    LiveQuery: {"opened", "push", "emptied", "turned", "end", "session"},
}
"""Members without an underscore that only other modules of the Python client call."""
INTERNAL_PART = "  // -- what the client passes on"
"""Below this line of a TypeScript class stand the members that only other modules of the client call."""


def source(name: str) -> str:
    """A file of the core, or of the rows."""
    (path,) = [*TYPESCRIPT.glob(f"{name}.ts"), *(TYPESCRIPT / "rows").glob(f"{name}.ts")]
    return path.read_text()


def block(text: str, head: str) -> str:
    """The text between the braces of a declaration that starts with `head`."""
    start = re.search(rf"^(?:export )?{head}\b[^\n]*(?:\n  extends[^\n]*)?\{{\n", text, re.M)
    assert start is not None, head
    return text[start.end() : text.index("\n}", start.end())]


def members(name: str, kind: str, type_name: str) -> set[str]:
    """The public members of a class or an interface."""
    body = block(source(name), f"{kind} {type_name}").split(INTERNAL_PART)[0]
    found = re.findall(r"^  (?:override |declare )*(?:readonly |async |get )?(\w+)\??(?:<[^\n]*?>)?[:(]", body, re.M)
    if kind == "class":
        found += re.findall(r"^    readonly (\w+)\??:", body, re.M)
    return set(found) - {"constructor"}


def union(name: str, type_name: str) -> set[str]:
    declared = re.search(rf"^export type {type_name} = ([^;]*);", source(name), re.M)
    assert declared is not None
    return set(re.findall(r'"(\w+)"', declared[1]))


def of(owner: str, names: set[str]) -> set[str]:
    return {f"{owner}: {name}" for name in names}


def typescript() -> dict[str, set[str]]:
    """The names of the TypeScript client by the heading of their table."""
    message = set(re.findall(r"^  (\w+)\??:", block(PROTOCOL, "interface RoomMessage"), re.M))
    extra = set(
        re.findall(r"^  (\w+)\??:", source("membership").split("export type Message<T>")[1].split("};")[0], re.M)
    )
    presence = members("membership", "interface", "PresenceOptions")
    everything = "".join(file.read_text() for file in TYPESCRIPT.rglob("*.ts"))
    return {
        "Options of `connect`": members("options", "interface", "Options"),
        "Statuses": union("link", "Status"),
        "Client": members("client", "class", "Client"),
        "Room": members("room", "class", "Room"),
        "Live query": members("rows/live", "class", "LiveQuery"),
        "Resource": members("resource", "class", "Resource"),
        "Options of methods": of("request", members("client", "interface", "RequestOptions"))
        | of("join", members("membership", "interface", "JoinOptions") | presence)
        | of("subscribe", members("resource", "interface", "SubscribeOptions"))
        | of("update", presence)
        | of("history", members("membership", "interface", "HistoryOptions"))
        | of("list", members("resource", "interface", "ListOptions"))
        | of("get", members("resource", "interface", "GetOptions"))
        | of("create", members("resource", "interface", "CreateOptions"))
        | of(
            "write",
            members("resource", "interface", "WriteOptions") | members("resource", "interface", "CreateOptions"),
        )
        | of("send", set(re.findall(r"\}: \{ (\w+)\?: string", source("room")))),
        "Values": of("Message", message | extra)
        | of("Change", members("query", "interface", "Change"))
        | of("History", members("membership", "interface", "History")),
        "Errors": set(re.findall(r"^export class (\w+)", source("errors"), re.M)),
        "Properties of every error": (members("errors", "class", "TidegateError") - {"name"})
        | members("errors", "class", "ConnectionClosed") - {"name"}
        | {"message", "data"},
        "Codes of the client itself, beside those of the gateway": set(
            re.findall(r'(?:super|new TidegateError)\("(\w+)"', everything)
            + [code for line in re.findall("const code = .+", everything) for code in re.findall(r'"(\w+)"', line)]
        ),
    }


def python_members(owner: type) -> set[str]:
    """Public methods and properties, and the public attributes that `__init__` sets, of the client's own classes."""
    bases = [base for base in owner.__mro__ if base.__module__.startswith("tidegate_client")]
    return {name for base in bases for name in _own_members(base)} - BETWEEN_PARTS.get(owner, set())


def _own_members(owner: type) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return {name for name in (*vars(owner), *assigned) if not name.startswith("_")}


def parameters(function: Any) -> set[str]:
    """What a caller may name beside the required parameters."""
    signature = inspect.signature(function)
    return {name for name, about in signature.parameters.items() if about.default is not inspect.Parameter.empty}


def codes() -> set[str]:
    calls = "".join(file.read_text() for file in PYTHON.glob("*.py"))
    return set(re.findall(r'(?:super\(\).__init__|[^_]TidegateError)\("(\w+)"', calls))


def attributes(model: type) -> set[str]:
    return {field.name for field in fields(model)} if is_dataclass(model) else set(model.__struct_fields__)  # type: ignore[attr-defined]  # msgspec


def python() -> dict[str, set[str]]:
    """The names of the Python client by the heading of their table."""
    public = {name: getattr(tidegate_client, name) for name in tidegate_client.__all__}
    errors = {
        name: value for name, value in public.items() if inspect.isclass(value) and issubclass(value, TidegateError)
    }
    return {
        "Options of `connect`": {field.name for field in fields(Options)} - {"url"},
        "Statuses": set(get_args(announcements.Status)),
        "Client": python_members(Client),
        "Room": python_members(Room),
        "Live query": python_members(LiveQuery),
        "Resource": python_members(Resource),
        "Options of methods": of("request", parameters(Client.request))
        | of("join", parameters(Client.join))
        | of("subscribe", parameters(Client.subscribe))
        | of("update", parameters(Room.update))
        | of("history", parameters(Room.history))
        | of("list", parameters(Resource.list) & parameters(Resource.page))
        | of("get", parameters(Resource.get))
        | of("create", parameters(Resource.create))
        | of("write", parameters(Resource.update) & parameters(Resource.delete))
        | of("send", parameters(Room.send)),
        "Values": of("Message", attributes(tidegate_client.Message))
        | of("Change", attributes(tidegate_client.Change))
        | of("History", attributes(tidegate_client.History)),
        "Errors": set(errors),
        "Properties of every error": {name for owner in errors.values() for name in python_members(owner)},
        "Codes of the client itself, beside those of the gateway": codes(),
    }
