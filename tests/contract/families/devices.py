"""Families of devices: charging stations (like OCPP), radio bridges (like Zigbee2MQTT), boats (like Signal K)."""

from __future__ import annotations

from tests.contract.families import DRAFT_07, FLAG, NUMBER, TEXT, Family, Json, Wrong, listed, thing

ID: Json = {"type": "string", "minLength": 1, "maxLength": 36}
CUSTOM: Json = {"$ref": "#/definitions/CustomData"}

CHARGING = Family(
    name="charging",
    spelling=DRAFT_07,
    request={
        "definitions": {
            "CustomData": thing("vendorId", vendorId={"type": "string", "maxLength": 255}),
            "BootReason": {"type": "string", "enum": ["PowerUp", "Watchdog", "ApplicationReset", "Unknown"]},
            "Station": thing(
                "model vendorName",
                closed=True,
                model={"type": "string", "maxLength": 20},
                vendorName={"type": "string", "maxLength": 50},
                serialNumber={"type": "string", "maxLength": 25},
                customData=CUSTOM,
            ),
            "Boot": thing(
                "reason station",
                closed=True,
                reason={"$ref": "#/definitions/BootReason"},
                station={"$ref": "#/definitions/Station"},
                customData=CUSTOM,
            ),
            "Call": {
                "type": "array",
                "items": [{"const": 2}, ID, {"const": "Boot"}, {"$ref": "#/definitions/Boot"}],
                "additionalItems": False,
                "minItems": 4,
            },
            "CallResult": {
                "type": "array",
                "items": [{"const": 3}, ID, {"type": "object"}],
                "additionalItems": False,
                "minItems": 3,
            },
            "CallError": {
                "type": "array",
                "items": [
                    {"const": 4},
                    ID,
                    {"type": "string", "enum": ["NotSupported", "InternalError", "GenericError"]},
                    {"type": "string", "maxLength": 255},
                    {"type": "object"},
                ],
                "additionalItems": False,
                "minItems": 5,
            },
        },
        "properties": {
            "frame": {
                "oneOf": [
                    {"$ref": "#/definitions/Call"},
                    {"$ref": "#/definitions/CallResult"},
                    {"$ref": "#/definitions/CallError"},
                ]
            }
        },
        "required": ["frame"],
        "additionalProperties": False,
    },
    valid=[
        {"frame": [2, "a-1", "Boot", {"reason": "PowerUp", "station": {"model": "M", "vendorName": "V"}}]},
        {
            "frame": [
                2,
                "a-2",
                "Boot",
                {
                    "reason": "Watchdog",
                    "station": {
                        "model": "M",
                        "vendorName": "V",
                        "serialNumber": "7",
                        "customData": {"vendorId": "x.example", "cells": [1, 2.5, None], "nested": {"on": True}},
                    },
                    "customData": {"vendorId": "", "vendor id": 1},
                },
            ]
        },
        {"frame": [3, "a-1", {"status": "Accepted", "interval": 300}]},
        {"frame": [3, "a-3", {}]},
        {"frame": [4, "a-1", "InternalError", "", {"line": 3}]},
    ],
    invalid=[
        Wrong(
            {"frame": [2, "", "Boot", {"reason": "PowerUp", "station": {"model": "M", "vendorName": "V"}}]}, "/frame/1"
        ),
        Wrong(
            {"frame": [2, "a", "Boot", {"reason": "Sun", "station": {"model": "M", "vendorName": "V"}}]},
            "/frame/3/reason",
        ),
        Wrong({"frame": [3, "a-1", {}, "more"]}, "/frame/3"),
        Wrong({"frame": [4, "a-1", "InternalError", ""]}, "/frame"),
        Wrong({"frame": [5, "a-1", {}]}, "/frame/0"),
    ],
    room={
        "definitions": {"CustomData": thing("vendorId", vendorId={"type": "string", "maxLength": 255})},
        **thing(
            "timestamp sampledValue",
            closed=True,
            timestamp={"type": "string", "format": "date-time"},
            sampledValue=listed(
                thing(
                    "value",
                    closed=True,
                    value=NUMBER,
                    phase={"enum": ["L1", "L2", "L3", "N"]},
                    unit=thing("", unit={"type": "string", "default": "Wh"}, multiplier={"type": "integer"}),
                    customData=CUSTOM,
                ),
                minItems=1,
            ),
        ),
    },
    in_room=[
        {"timestamp": "2026-01-31T12:00:00Z", "sampledValue": [{"value": 1}, {"value": 0.5, "phase": "L1"}]},
        {
            "timestamp": "2026-01-31T12:00:00.25+01:00",
            "sampledValue": [
                {"value": 1e3, "unit": {"multiplier": 3, "kind": "?"}, "customData": {"vendorId": "v", "a": 1}}
            ],
        },
    ],
    not_in_room=[
        Wrong({"timestamp": "2026-01-31T12:00:00Z", "sampledValue": []}, "/sampledValue"),
        Wrong({"timestamp": "noon", "sampledValue": [{"value": 1}]}, "/timestamp"),
        Wrong(
            {"timestamp": "2026-01-31T12:00:00Z", "sampledValue": [{"value": 1, "customData": {}}]},
            "/sampledValue/0/customData",
        ),
    ],
)

LEVEL: Json = {"type": "integer", "minimum": 0, "maximum": 254}
MEASURE: Json = {"type": ["number", "string", "boolean", "null"]}
COLOUR: Json = {
    "anyOf": [
        thing("x y", closed=True, x=NUMBER, y=NUMBER),
        thing("hue saturation", closed=True, hue={"type": "integer", "maximum": 360}, saturation={"type": "integer"}),
        {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    ]
}
ZIGBEE = Family(
    name="zigbee",
    request={
        # A device reports whatever it measures, beside the names that all devices share.
        "properties": {
            "state": {"enum": ["ON", "OFF", "TOGGLE", True, False]},
            "brightness": LEVEL,
            "color": COLOUR,
            "linkquality": {"type": ["integer", "null"], "minimum": 0, "maximum": 255},
            "update": thing("state", state={"type": ["string", "null"]}, installed_version={"type": "integer"}),
        },
        "patternProperties": {
            "^(state|brightness)_(left|right|l[0-9])$": {"type": ["string", "integer"]},
            "^action_": {"type": ["string", "null"]},
        },
        "additionalProperties": {
            "anyOf": [MEASURE, listed(MEASURE), {"type": "object", "additionalProperties": MEASURE}]
        },
    },
    valid=[
        {},
        {"state": "ON", "brightness": 254, "linkquality": None, "color": {"x": 0.3, "y": 1}},
        {"state": True, "color": {"hue": 1, "saturation": 2}, "update": {"state": None, "progress": 1.5}},
        {"color": "#00ff00", "state_left": "ON", "brightness_l1": 3, "action_group": None},
        {
            "temperature": 21.5,
            "occupancy": False,
            "battery low": None,
            "mode": "1",
            "calendar": [1, "2", None],
            "0": {"1": True},
        },
    ],
    invalid=[
        Wrong({"state": "on"}, "/state"),
        Wrong({"brightness": 255}, "/brightness"),
        Wrong({"brightness_l1": None}, "/brightness_l1"),
        Wrong({"action_": 1}, "/action_"),
        Wrong({"update": {}}, "/update"),
        Wrong({"temperature": {"a": []}}, "/temperature/a"),
    ],
    room={
        "oneOf": [
            thing(
                "topic payload",
                closed=True,
                topic={"const": "bridge/state"},
                payload=thing("state", state={"enum": ["online", "offline"]}),
            ),
            thing(
                "topic payload",
                closed=True,
                topic={"const": "bridge/event"},
                payload={
                    "oneOf": [
                        thing(
                            "type data",
                            type={"const": "device_interview"},
                            data=thing("status", status={"enum": ["started", "failed"]}, friendly_name=TEXT),
                        ),
                        thing(
                            "type data", type={"const": "device_leave"}, data=thing("ieee_address", ieee_address=TEXT)
                        ),
                    ]
                },
            ),
            thing(
                "topic payload",
                closed=True,
                topic={"const": "bridge/devices"},
                payload=listed(
                    {"type": "object", "additionalProperties": {"type": ["string", "number", "null", "object"]}}
                ),
            ),
        ]
    },
    in_room=[
        {"topic": "bridge/state", "payload": {"state": "online", "since": 1}},
        {"topic": "bridge/event", "payload": {"type": "device_leave", "data": {"ieee_address": "0x00", "by": None}}},
        {"topic": "bridge/devices", "payload": [{}, {"0x1": {"endpoints": {"1": []}}, "power": None}]},
    ],
    not_in_room=[
        Wrong({"topic": "bridge/state", "payload": {"state": "ON"}}, "/payload/state"),
        Wrong({"topic": "bridge/event", "payload": {"type": "device_leave", "data": {}}}, "/payload/data"),
        Wrong({"topic": "bridge/devices", "payload": [{"a": False}]}, "/payload/0/a"),
        Wrong({"topic": "bridge/else", "payload": {}}, "/topic"),
    ],
)

NODE: Json = {
    "title": "BoatNode",
    "type": "object",
    "properties": {
        "value": {"type": ["number", "string", "boolean", "object", "null"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "$source": {"type": "string", "pattern": r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"},
        "meta": {"$ref": "#/$defs/meta"},
        "values": {"type": "object", "additionalProperties": {"$ref": "#/$defs/reading"}},
    },
    "patternProperties": {"^(?:[A-Z0-9][A-Za-z0-9]*|(?:sub|per)[A-Z][A-Za-z0-9]*)$": {"$ref": "boat_node.schema.json"}},
    "additionalProperties": False,
    "dependentRequired": {"value": ["timestamp", "$source"]},
    "$defs": {
        "meta": thing(
            "",
            units={"enum": ["m/s", "rad", "K", "ratio", "Pa"]},
            displayName=TEXT,
            zones=listed(
                thing("state", closed=True, lower=NUMBER, upper=NUMBER, state={"enum": ["normal", "warn", "alarm"]})
            ),
        ),
        "reading": thing("value timestamp", value={"type": ["number", "null"]}, timestamp=TEXT),
    },
}
STAMP = "2026-01-31T12:00:00Z"
BOAT = Family(
    name="boat",
    types={"boat_node": NODE},
    request={
        "properties": {
            "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
            "vessels": {
                "type": "object",
                "patternProperties": {
                    "^urn:mrn:imo:mmsi:[2-7][0-9]{8}$": {"$ref": "../types/boat_node.schema.json"},
                    "^urn:mrn:boat:uuid:[0-9a-f-]{36}$": {"$ref": "../types/boat_node.schema.json"},
                },
                "additionalProperties": False,
            },
        },
        "required": ["version", "vessels"],
        "additionalProperties": False,
    },
    valid=[
        {"version": "1.7.0", "vessels": {}},
        {
            "version": "1.7.0",
            "vessels": {
                "urn:mrn:imo:mmsi:230099999": {
                    "Navigation": {
                        "Speed": {"value": 2.5, "timestamp": STAMP, "$source": "n2k.115", "meta": {"units": "m/s"}}
                    },
                    "Tanks": {"0": {"subLevel": {"meta": {"zones": [{"state": "warn", "lower": 0}], "more": [1]}}}},
                },
                "urn:mrn:boat:uuid:6f1c2d3e-0000-4000-8000-000000000000": {},
            },
        },
        {
            "version": "1.0.0",
            "vessels": {
                "urn:mrn:imo:mmsi:230099999": {"values": {"a.b c": {"value": None, "timestamp": "", "sentence": "RMC"}}}
            },
        },
    ],
    invalid=[
        Wrong({"version": "1.7", "vessels": {}}, "/version"),
        Wrong({"version": "1.7.0", "vessels": {"urn:mrn:imo:mmsi:1": {}}}, "/vessels/urn:mrn:imo:mmsi:1"),
        Wrong(
            {
                "version": "1.7.0",
                "vessels": {"urn:mrn:imo:mmsi:230099999": {"A": {"B": {"value": 1, "timestamp": STAMP}}}},
            },
            "/vessels/urn:mrn:imo:mmsi:230099999/A/B",
        ),
        Wrong(
            {"version": "1.7.0", "vessels": {"urn:mrn:imo:mmsi:230099999": {"A": {"meta": {"units": "kn"}}}}},
            "/vessels/urn:mrn:imo:mmsi:230099999/A/meta/units",
        ),
    ],
    room=thing(
        "context updates",
        context=TEXT,
        updates=listed(
            {
                **thing(
                    "",
                    closed=True,
                    timestamp={"type": "string", "format": "date-time"},
                    values=listed(thing("path value", closed=True, path=TEXT, value={}, replay=FLAG)),
                    meta=listed(thing("path value", closed=True, path=TEXT, value={"type": "object"})),
                ),
                "anyOf": [{"required": ["values"]}, {"required": ["meta"]}],
            },
            minItems=1,
        ),
    ),
    in_room=[
        {
            "context": "vessels.self",
            "updates": [{"values": [{"path": "a.b", "value": None}, {"path": "", "value": [{"x": 1}]}]}],
        },
        {
            "context": "",
            "updates": [{"timestamp": STAMP, "meta": [{"path": "a", "value": {"units": "m"}}]}],
            "token": 1,
        },
    ],
    not_in_room=[
        Wrong({"context": "vessels.self", "updates": []}, "/updates"),
        Wrong({"context": "vessels.self", "updates": [{"timestamp": STAMP}]}, "/updates/0"),
        Wrong({"context": "vessels.self", "updates": [{"values": [{"path": "a"}]}]}, "/updates/0/values/0"),
    ],
)
