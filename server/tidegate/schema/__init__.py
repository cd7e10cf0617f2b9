"""What schema files mean: read, lint, bundle, derive. Pure; shared by `contract` and `codegen`."""

from tidegate.schema.resource import HistoryRules, Property, Resource, RoomType

__all__ = ["HistoryRules", "Property", "Resource", "RoomType"]
