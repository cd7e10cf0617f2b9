"""Random schemas of one message or one room each, from a seed.

It knows nothing of the generators.
Invariant: the same seed gives the same files.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field

from tests.contract.generated_applications import names
from tests.contract.generated_applications.parts import Json, Parts, pascal


@dataclass(frozen=True)
class Case:
    """One random schema as a client message or a room. `files` by path below the schema folder."""

    seed: int
    files: dict[str, Json] = field(repr=False)
    message: str | None
    """The type of the message. None for a room."""
    room: str | None
    titles: frozenset[str]

    @property
    def path(self) -> str:
        """The main file."""
        return f"client/{self.message}.schema.json" if self.message else f"rooms/{self.room}.schema.json"

    @property
    def schema(self) -> Json:
        return self.files[self.path]

    @property
    def text(self) -> str:
        """All files as JSON."""
        return json.dumps(self.files, ensure_ascii=False)

    def resolved(self, reference: str, file: str) -> tuple[Json, str]:
        """The target of a `$ref` in `file`, and the file that it is in."""
        path, _, fragment = reference.partition("#")
        if path:
            file = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        target = self.files[file]
        for step in fragment.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target[int(name)] if isinstance(target, list) else target[name]
        return target, file


def case_of(seed: int) -> Case:
    """The case of a seed."""
    return _Maker(seed).case()


class _Maker(Parts):
    def case(self) -> Case:
        room = self.chance(0.2)
        title = f"C{self.seed}" if self.chance(0.75) else self.title()
        if room:
            root = self.schema(0)
            root = root if isinstance(root, dict) and "$id" not in root else {"allOf": [root]}
        else:
            root = self.message()
        self.titled(title)
        told = {"title": title, "description": self.pick(names.TEXTS)} if self.chance(0.3) else {"title": title}
        access = {"join": "anyone", "send": "anyone"} if room else {"send": "anyone"}
        more: Json = {"x-room": {"pattern": f"r{self.seed}"}} if room else {}
        if not room and self.chance(0.1):
            more["deprecated"] = True
        root = {**root, **told, **more, "x-access": access}
        if self.defs:
            root["$defs"] = self.defs
        path = f"rooms/r{self.seed}" if room else f"client/c{self.seed}"
        files = {f"{path}.schema.json": root, **{f"types/{name}.schema.json": one for name, one in self.types.items()}}
        titles = {one["title"] for one in files.values()}
        for key, one in self.defs.items():
            titles.add(one["title"] if isinstance(one, dict) and "title" in one else title + pascal(key))
        files = json.loads(json.dumps(files))
        return Case(
            self.seed, files, None if room else f"c{self.seed}", f"r{self.seed}" if room else None, frozenset(titles)
        )

    def message(self) -> Json:
        """An object schema with the `type` of a message."""
        root = self.pick([self.object, self.object, self.object, self.all_of, self.open_object, self.dependent])(0)
        tag: Json = {"const": f"c{self.seed}"}
        if self.chance(0.1):
            tag["deprecated"] = True
        root = {"type": "object", **root}
        root["type"] = "object"
        root["properties"] = {"type": tag, **{k: v for k, v in root.get("properties", {}).items() if k != "type"}}
        if self.chance(0.3):
            root["properties"]["ref"] = {"type": ["string", "integer"], "minLength": 1}
        if not self.chance(0.15):
            root["properties"][self.name()] = self.schema(0)
        root["required"] = ["type", *(name for name in root.get("required", []) if name != "type")]
        return root

    def titled(self, title: str) -> None:
        """Give some definitions titles, also those that a generator derives from other names."""
        derived = {title + pascal(key) for key in self.defs}
        taken = {title, *derived} if self.chance(0.97) else set()
        for key, one in self.defs.items():
            if not isinstance(one, dict) or not self.chance(0.35):
                continue
            near = [name for name in self.inline if name.isidentifier() and name.isascii()] or ["item"]
            name = pascal(self.pick(near))
            options = [
                name,
                title + name,
                name + "1",
                title + "1",
                title + "Item",
                self.title(),
                f"D{self.seed}x{len(taken)}",
            ]
            wanted = self.pick(options)
            if wanted[:1].isupper() and wanted.isascii() and wanted.isalnum() and wanted not in taken:
                taken.add(wanted)
                self.defs[key] = {"title": wanted, **one}

    def title(self) -> str:
        return self.pick(names.RESERVED if self.chance(0.03) else names.TITLES)
