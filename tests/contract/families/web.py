"""Families of the web: hooks of a code host (like GitHub's), events (like CloudEvents), maps (like GeoJSON)."""

from __future__ import annotations

from tests.contract.families import DRAFT_07, FLAG, NUMBER, TEXT, Family, Json, Wrong, listed, thing

_HOOK_USER: Json = thing(
    "login id",
    login=TEXT,
    id={"type": "integer"},
    email={"type": "string", "nullable": True},
    name={"type": "string", "nullable": True},
    site_admin=FLAG,
)
_ISSUE: Json = thing(
    "number title state user assignee milestone",
    number={"type": "integer", "minimum": 1},
    title=TEXT,
    state={"type": "string", "enum": ["open", "closed"]},
    state_reason={"type": "string", "nullable": True, "enum": ["completed", "not_planned", None]},
    user=_HOOK_USER,
    assignee={**_HOOK_USER, "nullable": True},
    labels=listed(thing("name color", name=TEXT, color={"type": "string", "pattern": "^[0-9a-f]{6}$"}, default=FLAG)),
    milestone={
        **thing(
            "title creator due_on",
            title=TEXT,
            creator={**_HOOK_USER, "nullable": True},
            due_on={"type": "string", "format": "date-time", "nullable": True},
        ),
        "nullable": True,
    },
    body={"type": "string", "nullable": True, "maxLength": 100},
)
_A: Json = {"login": "a", "id": 1}
_ONE: Json = {"number": 1, "title": "", "state": "open", "user": _A, "assignee": None, "milestone": None}
HOOKS = Family(
    name="hooks",
    request={
        "properties": {
            "event": {
                "oneOf": [
                    thing("action issue", action={"type": "string", "enum": ["opened", "reopened"]}, issue=_ISSUE),
                    thing(
                        "action issue changes",
                        action={"type": "string", "enum": ["edited"]},
                        issue=_ISSUE,
                        changes=thing("", title=thing("from", **{"from": TEXT}), body=thing("from", **{"from": TEXT})),
                    ),
                    thing(
                        "action issue label",
                        action={"type": "string", "enum": ["labeled"]},
                        issue=_ISSUE,
                        label={**thing("name", name=TEXT), "nullable": True},
                    ),
                ]
            },
            "delivery": {"type": "string", "format": "uuid"},
        },
        "required": ["event", "delivery"],
    },
    valid=[
        {"event": {"action": "opened", "issue": _ONE}, "delivery": "6f1c2d3e-0000-4000-8000-000000000000"},
        {
            "event": {
                "action": "edited",
                "issue": {
                    **_ONE,
                    "assignee": {**_A, "name": None, "email": "x", "gists_url": ""},
                    "milestone": {"title": "", "creator": None, "due_on": None, "open_issues": 3},
                    "labels": [{"name": "bug", "color": "00ff00", "default": True, "id": 5}],
                    "state_reason": None,
                },
                "changes": {"title": {"from": "b"}, "assignee": None},
                "sender": _A,
            },
            "delivery": "6f1c2d3e-0000-4000-8000-000000000000",
            "installation": {"id": 1},
        },
        {
            "event": {"action": "labeled", "issue": {**_ONE, "body": None}, "label": None},
            "delivery": "6f1c2d3e-0000-4000-8000-000000000000",
        },
    ],
    invalid=[
        Wrong({"event": {"action": "opened", "issue": _ONE}, "delivery": "1"}, "/delivery"),
        Wrong(
            {"event": {"action": "closed", "issue": _ONE}, "delivery": "6f1c2d3e-0000-4000-8000-000000000000"},
            "/event/action",
        ),
        Wrong(
            {"event": {"action": "edited", "issue": _ONE}, "delivery": "6f1c2d3e-0000-4000-8000-000000000000"}, "/event"
        ),
        Wrong(
            {
                "event": {
                    "action": "labeled",
                    "issue": {**_ONE, "milestone": {"title": "", "creator": {"login": "a"}, "due_on": None}},
                    "label": None,
                },
                "delivery": "6f1c2d3e-0000-4000-8000-000000000000",
            },
            "/event/issue/milestone/creator",
        ),
        Wrong(
            {
                "event": {"action": "opened", "issue": {**_ONE, "user": None}},
                "delivery": "6f1c2d3e-0000-4000-8000-000000000000",
            },
            "/event/issue/user",
        ),
    ],
    room=thing(
        "ref before commits",
        ref={"type": "string", "pattern": "^refs/(heads|tags)/"},
        before={"type": "string", "pattern": "^[0-9a-f]{40}$", "nullable": True},
        commits=listed(
            thing("id", id=TEXT, distinct=FLAG, added=listed(TEXT), author={**_HOOK_USER, "nullable": True})
        ),
        head_commit={**thing("id", id=TEXT), "nullable": True},
    ),
    in_room=[
        {"ref": "refs/heads/main", "before": None, "commits": []},
        {
            "ref": "refs/tags/1",
            "before": "0" * 40,
            "commits": [{"id": "", "author": None, "x": []}],
            "head_commit": {"id": ""},
        },
    ],
    not_in_room=[
        Wrong({"ref": "main", "before": None, "commits": []}, "/ref"),
        Wrong({"ref": "refs/heads/a", "before": "0", "commits": []}, "/before"),
        Wrong({"ref": "refs/heads/a", "before": None, "commits": [{"id": None}]}, "/commits/0/id"),
    ],
)

_EVENT: Json = {
    **thing(
        "id source specversion type",
        id={"$ref": "#/definitions/text"},
        source={"type": "string", "format": "uri-reference", "minLength": 1},
        specversion={"const": "1.0"},
        type={"$ref": "#/definitions/text"},
        datacontenttype={"type": ["string", "null"], "minLength": 1},
        subject={"type": ["string", "null"], "minLength": 1},
        time={"type": ["string", "null"], "format": "date-time"},
        data={},
        data_base64={"type": ["string", "null"], "contentEncoding": "base64"},
    ),
    "patternProperties": {"^x[a-z0-9]{0,19}$": {"type": ["boolean", "integer", "string"]}},
    "not": {"required": ["data", "data_base64"]},
    "dependencies": {"xsignature": ["time"]},
}
_CLOUD: Json = {"id": "1", "source": "/a", "specversion": "1.0", "type": "org.example"}
CLOUD = Family(
    name="cloud",
    spelling=DRAFT_07,
    request={
        "definitions": {"text": {"type": "string", "minLength": 1}, "event": _EVENT},
        "properties": {"event": {"$ref": "#/definitions/event"}},
        "required": ["event"],
    },
    valid=[
        {"event": _CLOUD},
        {"event": {**_CLOUD, "data": None, "time": None, "subject": None}},
        {
            "event": {
                **_CLOUD,
                "data": [{"a": 1}, 1.5],
                "time": "2026-01-31T12:00:00Z",
                "xtrace": "00",
                "x1": 5,
                "xsignature": True,
            }
        },
        {"event": {**_CLOUD, "data_base64": "AA==", "Unknown Name": {"a": [None]}, "data_": None}, "more": 1},
    ],
    invalid=[
        Wrong({"event": {**_CLOUD, "id": ""}}, "/event/id"),
        Wrong({"event": {**_CLOUD, "xtrace": None}}, "/event/xtrace"),
        Wrong({"event": {**_CLOUD, "xsignature": "a"}}, "/event"),
        Wrong({"event": {**_CLOUD, "data": 1, "data_base64": ""}}, "/event"),
        Wrong({"event": {"id": "1", "source": "/a", "type": "t"}}, "/event"),
    ],
    room={
        "definitions": {"text": {"type": "string", "minLength": 1}, "event": _EVENT},
        "type": "array",
        "items": {"$ref": "#/definitions/event"},
        "minItems": 1,
    },
    in_room=[[_CLOUD], [_CLOUD, {**_CLOUD, "data": {"a": {"b": []}}, "xflag": False, "Other": 0.5}]],
    not_in_room=[
        Wrong([], ""),
        Wrong([_CLOUD, {**_CLOUD, "specversion": "0.3"}], "/1/specversion"),
        Wrong([{**_CLOUD, "source": ""}], "/0/source"),
    ],
)

_POSITION: Json = {
    "type": "array",
    "items": [{"type": "number", "minimum": -180, "maximum": 180}, {"type": "number", "minimum": -90, "maximum": 90}],
    "additionalItems": NUMBER,
    "minItems": 2,
    "maxItems": 3,
}
_BBOX: Json = {"oneOf": [listed(NUMBER, minItems=4, maxItems=4), listed(NUMBER, minItems=6, maxItems=6)]}


def _geometry(kind: str, coordinates: Json) -> Json:
    return thing(
        "type coordinates",
        type={"const": kind},
        coordinates=coordinates,
        bbox={"$ref": "#/definitions/bbox"},
    )


_P: Json = {"$ref": "#/definitions/position"}
_RING: Json = listed(_P, minItems=4)
_GEOMETRIES: Json = {
    "position": _POSITION,
    "bbox": _BBOX,
    "geometry": {
        "oneOf": [
            _geometry("Point", _P),
            _geometry("LineString", listed(_P, minItems=2)),
            _geometry("Polygon", listed(_RING)),
            _geometry("MultiPolygon", listed(listed(_RING))),
            thing(
                "type geometries",
                type={"const": "GeometryCollection"},
                geometries=listed({"$ref": "#/definitions/geometry"}),
                bbox={"$ref": "#/definitions/bbox"},
            ),
        ]
    },
}
_SQUARE: Json = [[0, 0], [1, 0], [1, 1], [0, 0]]
MAPS = Family(
    name="maps",
    spelling=DRAFT_07,
    request={
        "definitions": _GEOMETRIES,
        "properties": {"geometry": {"$ref": "#/definitions/geometry"}, "crs": {"type": "null"}},
        "required": ["geometry"],
        "additionalProperties": False,
    },
    valid=[
        {"geometry": {"type": "Point", "coordinates": [0, 0.5]}},
        {
            "geometry": {"type": "Point", "coordinates": [-180, 90, 8848.5], "bbox": [0, 0, 0, 0], "name": "x"},
            "crs": None,
        },
        {"geometry": {"type": "Polygon", "coordinates": [_SQUARE, _SQUARE]}},
        {
            "geometry": {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
                    {"type": "GeometryCollection", "geometries": [], "bbox": [0, 0, 0, 1, 1, 1]},
                    {"type": "MultiPolygon", "coordinates": [[_SQUARE], []]},
                ],
            }
        },
    ],
    invalid=[
        Wrong({"geometry": {"type": "Point", "coordinates": [0]}}, "/geometry/coordinates"),
        Wrong({"geometry": {"type": "Point", "coordinates": [0, 91]}}, "/geometry/coordinates/1"),
        Wrong({"geometry": {"type": "Point", "coordinates": [0, 0, "0"]}}, "/geometry/coordinates/2"),
        Wrong({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}}, "/geometry/coordinates/0"),
        Wrong({"geometry": {"type": "Circle", "coordinates": [0, 0]}}, "/geometry/type"),
        Wrong(
            {"geometry": {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, None]}]}},
            "/geometry/geometries/0/coordinates/1",
        ),
        Wrong({"geometry": {"type": "Point", "coordinates": [0, 0], "bbox": [0, 0, 0, 0, 0]}}, "/geometry/bbox"),
    ],
    room={
        "definitions": _GEOMETRIES,
        **thing(
            "type properties geometry",
            type={"const": "Feature"},
            id={"type": ["number", "string"]},
            properties={"type": ["object", "null"]},
            geometry={"anyOf": [{"$ref": "#/definitions/geometry"}, {"type": "null"}]},
            bbox={"$ref": "#/definitions/bbox"},
        ),
    },
    in_room=[
        {"type": "Feature", "properties": None, "geometry": None},
        {
            "type": "Feature",
            "id": "a",
            "properties": {"name": "b", "tags": [1]},
            "geometry": {"type": "Point", "coordinates": [1, 2], "extra": {}},
            "title": "?",
        },
    ],
    not_in_room=[
        Wrong({"type": "Feature", "properties": [], "geometry": None}, "/properties"),
        Wrong({"type": "feature", "properties": None, "geometry": None}, "/type"),
        Wrong(
            {"type": "Feature", "properties": None, "geometry": {"type": "Point", "coordinates": []}},
            "/geometry/coordinates",
        ),
    ],
)
