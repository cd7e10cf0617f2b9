"""The schema at run time: compiles it, decodes client messages, explains refusals and encodes gateway messages."""

from tidegate.contract.canonical import canonical_default
from tidegate.contract.claims import canonical_room_rules, canonical_rules, claim_defaults, converters
from tidegate.contract.contract import ApplicationRequest, BrokenOutput, Contract
from tidegate.contract.custom import APPLICATION, CustomMessageRules
from tidegate.contract.row_rules import RowRules, row_rules
from tidegate.json_pointer import escape
from tidegate.schema import HistoryRules, Property, Resource, RoomType
from tidegate.schema.definition import ACKNOWLEDGEMENT
from tidegate.schema.http_statuses import NEEDS_CONNECTION, status_of

__all__ = [
    "ACKNOWLEDGEMENT",
    "APPLICATION",
    "NEEDS_CONNECTION",
    "ApplicationRequest",
    "BrokenOutput",
    "Contract",
    "CustomMessageRules",
    "HistoryRules",
    "Property",
    "Resource",
    "RoomType",
    "RowRules",
    "canonical_default",
    "canonical_room_rules",
    "canonical_rules",
    "claim_defaults",
    "converters",
    "escape",
    "row_rules",
    "status_of",
]
