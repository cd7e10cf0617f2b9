"""Python jsonschema as the judge of payloads, from the schema files as they are written.

It reads nothing of what Tidegate makes of the files, so that a mistake there is not repeated here. The corrections of
`reference_validator` apply.
"""

from __future__ import annotations

import json
from typing import Any

from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.contract.generated_applications.schemas import Case
from tidegate.checks.reference_validator import Reading, formats
from tidegate.checks.strict_json import hazards

_BASE = "file:///"


class Judge:
    """Judges the payloads of one case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        resources = [(_BASE + path, DRAFT202012.create_resource(schema)) for path, schema in case.files.items()]
        registry: Any = Registry().with_resources(resources)
        self._validator = Reading({"$ref": _BASE + case.path}, format_checker=formats(), registry=registry)

    def accepts(self, message: Any) -> bool:
        """Whether a whole message is valid."""
        if any(True for _ in hazards(message)):
            return False
        value = message["data"] if self._case.room is not None else message
        return bool(self._validator.is_valid(json.loads(json.dumps(value))))
