"""What the schema says of an application's own request: who may send it, and what may answer it.

Invariant: every schema that it names is compiled, so that what the application answers can be checked at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.contract.compiled import CompiledSchema, Compiler
from tidegate.schema import Definition
from tidegate.schema.definition import ACKNOWLEDGEMENT

APPLICATION = "app:"
"""How the codes of an application's own errors begin on the wire."""


IDEMPOTENCY_KEY = "#/$defs/IdempotencyKey"
"""What the property `key` of a message that has one refers to, in the bundle."""


@dataclass(frozen=True, slots=True)
class CustomMessageRules:
    """The rules in the schema of an application's request."""

    access: dict[str, Any]
    """The raw `x-access` rules, for `send`. A missing rule denies access."""
    reply: str
    """The type of the reply."""
    keyed: bool = False
    """It may have an idempotency `key`: a repeated message gets the first reply."""
    timeout: float | None = None
    """Seconds that the application may take to answer; None for the gateway's setting."""
    part: CompiledSchema | None = None
    """The schema of the parts that come before the reply; None if there are none."""
    refusals: Mapping[str, CompiledSchema] = field(default_factory=dict)
    """The schema of the data of each own error, by name."""


def custom_message(item: Definition, compiler: Compiler) -> CustomMessageRules:
    """The rules of the request `item`, which is an application's."""
    return CustomMessageRules(
        access=item.schema.get("x-access", {}),
        reply=item.reply or ACKNOWLEDGEMENT,
        keyed=_is_key(item.schema.get("properties", {}).get("key")),
        timeout=item.schema.get("x-timeout"),
        part=None if item.part is None else compiler.named(item.part),
        refusals={name: compiler.named(key) for name, key in item.refusals.items()},
    )


def _is_key(schema: Any) -> bool:
    """Whether a property is the idempotency key; a description may stand beside the reference."""
    return isinstance(schema, dict) and schema.get("$ref") == IDEMPOTENCY_KEY
