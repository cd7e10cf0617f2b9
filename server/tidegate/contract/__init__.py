"""The schema at run time: compile it, decode what clients send, explain a refusal, encode what the gateway says."""

from tidegate.contract.claims import converters, spelled_rules
from tidegate.contract.contract import ApplicationRequest, BrokenOutput, Contract, OwnRules
from tidegate.schema import HistoryRules, Property, Resource, RoomType
from tidegate.schema.subschemas import escape

__all__ = [
    "ApplicationRequest",
    "BrokenOutput",
    "Contract",
    "HistoryRules",
    "OwnRules",
    "Property",
    "Resource",
    "RoomType",
    "converters",
    "escape",
    "spelled_rules",
]
