"""The sections of the page: groups of entries, and lines that several kinds of entries have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tidegate.documents.curl import curl
from tidegate.documents.html import Markup, anchor, code, element, joined, json_block, link, prose, row, table
from tidegate.schema import Resource, RoomType, filter_schemas


class Group:
    """A part of the page: its entries, and its part of the table of contents."""

    def __init__(self, id: str, title: str, about: str = "") -> None:
        self.id, self.title, self.about = id, title, about
        self.names: list[tuple[str, str]] = []
        """(anchor, name) of each entry."""
        self.content: list[Markup] = []

    def add(self, kind: str, name: str, *content: str, label: str = "") -> None:
        """Add a section about `name`."""
        id = anchor(kind, name)
        self.names.append((id, name))
        heading = element("h3", link(name, f"#{id}"), " " if label else "", label)
        self.content.append(element("section", heading, *content, id=id, class_="entry"))

    def add_table(self, kind: str, heads: Iterable[str], rows: Iterable[tuple[str, list[str]]]) -> None:
        """Add a table in which each row is an entry. The first cell is its name."""
        made = []
        for name, cells in rows:
            id = anchor(kind, name)
            self.names.append((id, name))
            made.append(row(link(name, f"#{id}"), *cells, id=id, class_="entry"))
        self.content.append(table(heads, made))

    def html(self) -> Markup:
        about = element("p", prose(self.about)) if self.about else ""
        return element("section", element("h2", self.title), about, *self.content, id=self.id, class_="group")

    def contents(self) -> Markup:
        items = (element("li", link(name, f"#{id}")) for id, name in self.names)
        return element("section", element("h2", link(self.title, f"#{self.id}")), element("ul", *items))


def description(schema: dict[str, Any]) -> Markup:
    text = schema.get("description")
    return element("p", prose(text)) if text else Markup()


def example(title: str, value: Any) -> Markup:
    if value is None:
        return Markup()
    return element("figure", element("figcaption", title), json_block(value))


def command(path: str, method: str, operation: dict[str, Any]) -> Markup:
    """The command line for an operation of the API."""
    return element("pre", element("code", curl(path, method, operation)))


def access(rules: dict[str, Any]) -> Markup:
    """The access rules by action. An action without a rule is denied."""
    if not rules:
        return element("p", "Clients cannot use it: it has no access rules.", class_="access")
    said = (joined((element("b", action), " ", _rule_text(rule))) for action, rule in rules.items())
    return element("p", joined(said, " · "), class_="access")


def _rule_text(rule: Any) -> Markup:
    if isinstance(rule, list):
        return joined((_rule_text(one) for one in rule), " or ")
    if isinstance(rule, dict):
        parts = [f"role {rule['role']}"] if "role" in rule else []
        parts += [joined(("where ", code(rule["where"])))] if "where" in rule else []
        if "exists" in rule:
            resource = rule["exists"]["resource"]
            there = link(resource, f"#{anchor('resource', resource)}")
            parts.append(joined(("where a row of ", there, " exists with ", code(rule["exists"]["where"]))))
        return joined(parts, " and ")
    return joined((f"role {rule.removeprefix('role:')}" if rule.startswith("role:") else rule,))


def keys(resource: Resource) -> Iterable[Markup]:
    def names(parts: Iterable[str]) -> Markup:
        return joined((element("code", part) for part in parts), " with ")

    said = [joined(("Key: ", names(resource.key)))]
    said += [joined(("Unique: ", names(unique))) for unique in resource.unique]
    for name, (target, prop) in resource.references.items():
        there = link(f"{target}.{prop}", f"#{anchor('resource', target)}")
        said.append(joined((element("code", name), " refers to ", there)))
    yield element("p", joined(said, " · "))


def filters(resource: Resource, type_of: Callable[[Any], Markup]) -> Markup:
    """The operators and values that filters have for each property."""
    rows = []
    for prop in filter_schemas.filterable(resource):
        value = type_of(filter_schemas.value_schema(prop)) if filter_schemas.family(prop) != "nothing" else Markup()
        operators = joined((element("code", name) for name in filter_schemas.operators(prop)), " ")
        rows.append(row(element("code", prop.name), value, operators))
    return table(("Property", "Value", "Operators"), rows) if rows else Markup()


def rules(room: RoomType) -> str:
    history = room.history
    kept = f"Keeps {history.size} messages for {history.ttl:g} seconds" if history.size else "Keeps no history"
    if history.durable:
        kept += " in the database"
    presence = "members see who is present" if room.presence else "no presence"
    slow = room.slow.replace("_", " ") if room.conflate is None else f"conflate by {room.conflate!r}"
    return f"{kept}; {presence}; slow members: {slow}."
