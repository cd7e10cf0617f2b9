"""The protocol as one page for people: all messages, resources, kinds of rooms, types and codes, with contents.

The gateway makes the page once, at its start. A script of the page filters it by a search text; without scripts, the
page shows everything.
Invariant: the page loads only the gateway's style sheet and script.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.documents.curl import operations
from tidegate.documents.examples import Examples, room_name
from tidegate.documents.fields import Fields
from tidegate.documents.html import Markup, anchor, element, joined, link, prose
from tidegate.documents.openapi import openapi
from tidegate.documents.sections import Group, access, command, description, example, filters, keys, rules
from tidegate.schema import (
    CONTRACT,
    INDEX,
    PROTOCOL_VERSION,
    Bundle,
    Definition,
    Resource,
    RoomType,
    Schemas,
    contract_hash,
    derive,
    patterns,
)
from tidegate.schema import unbundle as schemas_of
from tidegate.schema.resource import REF_PREFIX, JsonSchema

_INTRODUCTION = (
    "Open a WebSocket at `/ws`. Each message is one JSON object in a text frame with a `type`; "
    "the gateway speaks first, with `welcome`.",
    "A request with a `ref` gets exactly one reply with that `ref`, or one `error` with it; without `ref` there is no "
    "reply, only the effects. A request with a property that its schema does not have is refused; clients ignore types "
    "and properties that they do not know.",
)
_LINKS = (
    ("Console", "/"),
    ("Schema bundle", "/schema/bundle.json"),
    ("AsyncAPI", "/asyncapi.json"),
    ("OpenAPI", "/openapi.json"),
)


def protocol_page(document: Bundle, *, console: bool = True) -> str:
    """The page of a bundle, as HTML. `console`: the gateway serves the page at `/`, too."""
    return _Page(document, console=console).html()


class _Page:
    """The parts of one page."""

    def __init__(self, document: Bundle, *, console: bool) -> None:
        self._document = document
        self._console = console
        self._schemas: Schemas = schemas_of(document)
        self._contract = contract_hash(document)
        self._shows_rules = CONTRACT not in document[INDEX]
        self._examples = Examples(self._schemas, self._contract)
        self._anchors = {item.key: _anchor_of(item) for item in self._schemas.definitions}
        self._fields = Fields(self._schemas.by_key, lambda key: self._anchors.get(key, ""))

    def html(self) -> str:
        groups = [
            group
            for group in (
                self._requests(),
                self._messages(),
                self._resources(),
                self._rooms(),
                self._types(),
                self._errors(),
                self._closes(),
                self._endpoints(),
            )
            if group.content
        ]
        version = f"version {PROTOCOL_VERSION}, contract {self._contract}"
        links = [(text, target) for text, target in _LINKS if self._console or target != "/"]
        header = element(
            "header",
            element("h1", link("Tidegate", "/") if self._console else "Tidegate", " protocol"),
            element("p", version, class_="version"),
            element("nav", *(link(text, target) for text, target in links), aria_label="other documents"),
        )
        search = Markup(
            '<label for="search">Search</label><input id="search" type="search" placeholder="Search, or press /"'
            ' autocomplete="off" spellcheck="false"><output id="found" for="search" role="status"></output>'
        )
        contents = element("nav", search, *(group.contents() for group in groups), id="contents", aria_label="contents")
        nothing = element("p", "Nothing on this page matches.", id="nothing", hidden="")
        main = element("main", self._introduction(), *(group.html() for group in groups), nothing)
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><title>Tidegate protocol</title>'
            '<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs.css">'
            '<script type="module" src="/docs.js"></script>'
        )
        body = element("body", header, element("div", contents, main, class_="columns"))
        return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n{body}</html>\n'

    def _introduction(self) -> Markup:
        return element("div", *(element("p", prose(text)) for text in _INTRODUCTION), class_="introduction")

    def _requests(self) -> Group:
        group = Group("requests", "Requests", "Messages of a client. All requests of the protocol may have a `ref`.")
        for name, item in self._schemas.client.items():
            reply = item.reply
            answer = joined((" → ", self._to_message(reply))) if reply else ""
            group.add(
                "request",
                name,
                *self._message(item),
                label=element("small", joined(("reply", answer)) if reply else "no reply"),
            )
        return group

    def _messages(self) -> Group:
        group = Group("messages", "Gateway messages")
        for name, item in self._schemas.server.items():
            asked = [asker for asker, asking in self._schemas.client.items() if asking.reply == name]
            links = joined((link(asker, f"#{anchor('request', asker)}") for asker in asked), ", ")
            group.add("message", name, *self._message(item), label=element("small", "answers ", links) if asked else "")
        return group

    def _message(self, item: Definition) -> list[Markup]:
        own = item.kind == "client" and not item.protocol
        return [
            description(item.schema),
            self._access(item.schema.get("x-access", {})) if own else Markup(),
            self._fields.table(item.schema),
            *self._answers(item),
            example("Example", self._examples.message(item)),
        ]

    def _access(self, rules: JsonSchema) -> Markup:
        return access(rules) if self._shows_rules else Markup()

    def _answers(self, item: Definition) -> Iterable[Markup]:
        """What answers a request of the application besides its reply."""
        if item.part is not None:
            yield element("p", "Parts before the reply: ", self._fields.type_of({"$ref": REF_PREFIX + item.part}))
        for name, key in item.refusals.items():
            data = self._fields.type_of({"$ref": REF_PREFIX + key})
            yield element("p", "Own error ", element("code", f"app:{name}"), ", with the data ", data)

    def _resources(self) -> Group:
        group = Group("resources", "Resources", "The rows that the gateway shares.")
        for name, resource in self._schemas.resources.items():
            group.add("resource", name, *self._resource(resource), label=element("small", resource.title))
        return group

    def _resource(self, resource: Resource) -> Iterable[str]:
        yield description(resource.schema)
        yield self._access(resource.access)
        yield element("h4", "Rows")
        yield self._fields.table(resource.schema, ("Property", "Type", "Meaning"))
        yield from keys(resource)
        yield element("h4", "Filters")
        yield description(self._schemas.by_key.get("Filters", {}))
        yield filters(resource, self._fields.type_of)
        sortable = derive.sort_schema(resource)["items"]["properties"]["field"]["enum"]
        yield element("p", "Sorted by: ", joined((element("code", name) for name in sortable), ", "))
        yield example("A row", self._examples.row(resource))
        subscribe = {"type": "subscribe", "resource": resource.name, "filters": self._examples.filters(resource)}
        yield example("Subscribe", {**subscribe, "snapshot": True, "ref": 1})
        created = self._examples.created(resource)
        if created is not None:
            yield example("Create", {"type": "create", "resource": resource.name, "data": created, "ref": 2})

    def _rooms(self) -> Group:
        group = Group("rooms", "Kinds of rooms", "The pattern that matches a room's name decides its kind.")
        for pattern, room in sorted(self._schemas.rooms.items(), key=lambda entry: entry[0] == patterns.OPEN):
            group.add("room", pattern, *self._room(room), label=element("small", room.title))
        return group

    def _room(self, room: RoomType) -> Iterable[str]:
        yield description(room.schema)
        yield self._access(room.access)
        yield element("p", rules(room))
        yield element("h4", "Message data")
        yield self._fields.table(room.schema) if room.schema.get("properties") else self._fields.plain(room.schema)
        said = self._examples.value(room.schema)
        if said is not None:
            message = {"type": "message", "room": room_name(room.pattern), "data": said, "ref": 1}
            yield example("Example", message)

    def _types(self) -> Group:
        group = Group("types", "Types", "Values that several messages share.")
        for item in self._schemas.definitions:
            if self._anchors[item.key].startswith("type-"):
                properties = item.schema.get("properties")
                shown = self._fields.table(item.schema) if properties else self._fields.plain(item.schema)
                name = self._anchors[item.key].removeprefix("type-")
                group.add("type", name, description(item.schema), shown)
        return group

    def _errors(self) -> Group:
        group = Group("errors", "Error codes", "A request failed. The connection stays open.")
        heads = ("Code", "Meaning", "Temporary", "What to do")
        rows = (
            (name, [prose(entry["meaning"]), "yes" if entry["temporary"] else "no", prose(entry["action"])])
            for name, entry in self._schemas.errors.items()
        )
        group.add_table("error", heads, rows)
        return group

    def _closes(self) -> Group:
        group = Group(
            "closes", "Close codes", "The connection ended. The last column says whether the client reconnects."
        )
        heads = ("Code", "Name", "Meaning", "Reconnect")
        rows = (
            (number, [element("code", entry["name"]), prose(entry["meaning"]), entry["reconnect"]])
            for number, entry in self._schemas.closes.items()
        )
        group.add_table("close", heads, rows)
        return group

    def _endpoints(self) -> Group:
        group = Group("http", "HTTP", "HTTP endpoints beside the WebSocket.")
        for path, method, operation in operations(openapi(self._document)):
            request = f"{method.upper()} {path}"
            answers = [status for status in operation["responses"] if status[0] in "23" or path[:5] != "/api/"]
            shown = [description({"description": operation["summary"]}), command(path, method, operation)]
            group.add("http", request, *shown, label=element("small", ", ".join(answers)))
        return group

    def _to_message(self, name: str) -> Markup:
        return link(name, f"#{anchor('message', name)}")


def _anchor_of(item: Definition) -> str:
    """The anchor of a definition. Messages, rows and rooms have their own parts; the others are among the types."""
    if item.is_file:
        match item.kind:
            case "client":
                return anchor("request", item.message_type or "")
            case "server":
                return anchor("message", item.message_type or "")
            case "resources":
                return anchor("resource", item.name)
            case "rooms":
                return anchor("room", item.schema["x-room"]["pattern"])
    return anchor("type", item.key)
