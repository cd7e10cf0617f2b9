"""The schema at run time: compile it, decode what clients send, explain a refusal, encode what the gateway says."""

from tidegate.schema import Property, Resource, RoomType

__all__ = ["Property", "Resource", "RoomType"]
