"""Families of tools: debuggers (like the Debug Adapter Protocol), models (like MCP), editors (like LSP)."""

from __future__ import annotations

from tests.contract.families import DRAFT_04, FLAG, NUMBER, TEXT, Family, Json, Wrong, listed, thing

_MESSAGES: Json = {
    "ProtocolMessage": thing("seq kind", seq={"type": "integer", "minimum": 1}, kind=TEXT),
    "Request": {
        "allOf": [
            {"$ref": "#/definitions/ProtocolMessage"},
            thing("kind command", kind={"enum": ["request"]}, command=TEXT, arguments={}),
        ]
    },
    "Source": thing("", name=TEXT, path=TEXT, origin=TEXT, adapterData={}),
    "SetBreakpointsRequest": {
        "allOf": [
            {"$ref": "#/definitions/Request"},
            thing(
                "command arguments",
                command={"enum": ["setBreakpoints"]},
                arguments={"$ref": "#/definitions/SetBreakpointsArguments"},
            ),
        ]
    },
    "SetBreakpointsArguments": thing(
        "source",
        source={"$ref": "#/definitions/Source"},
        breakpoints=listed(
            thing("line", line={"type": "integer"}, column={"type": "integer"}, condition=TEXT, logMessage=TEXT)
        ),
        sourceModified=FLAG,
    ),
    "EvaluateRequest": {
        "allOf": [
            {"$ref": "#/definitions/Request"},
            thing(
                "command arguments",
                command={"enum": ["evaluate"]},
                arguments=thing(
                    "expression",
                    expression=TEXT,
                    frameId={"type": "integer"},
                    context={"type": "string", "enum": ["watch", "repl", "hover"]},
                    restart={"type": ["array", "boolean", "integer", "null", "number", "object", "string"]},
                ),
            ),
        ]
    },
}
DEBUGGER = Family(
    name="debugger",
    spelling=DRAFT_04,
    request={
        "definitions": _MESSAGES,
        "properties": {
            "message": {
                "oneOf": [{"$ref": "#/definitions/SetBreakpointsRequest"}, {"$ref": "#/definitions/EvaluateRequest"}]
            }
        },
        "required": ["message"],
    },
    valid=[
        {"message": {"seq": 1, "kind": "request", "command": "evaluate", "arguments": {"expression": "1 + 1"}}},
        {
            "message": {
                "seq": 2,
                "kind": "request",
                "command": "setBreakpoints",
                "arguments": {
                    "source": {"path": "/a.py", "adapterData": [None, {"b": 1}], "__more": 1},
                    "breakpoints": [{"line": 3, "condition": "x"}, {"line": -1, "hits": ">2"}],
                },
                "__session": "s",
            },
            "tracing": True,
        },
        {
            "message": {
                "seq": 3,
                "kind": "request",
                "command": "evaluate",
                "arguments": {"expression": "", "context": "repl", "restart": {"a": []}},
            }
        },
    ],
    invalid=[
        Wrong(
            {"message": {"seq": 0, "kind": "request", "command": "evaluate", "arguments": {"expression": ""}}},
            "/message/seq",
        ),
        Wrong(
            {"message": {"seq": 1, "kind": "event", "command": "evaluate", "arguments": {"expression": ""}}},
            "/message/kind",
        ),
        Wrong({"message": {"seq": 1, "kind": "request", "command": "fly", "arguments": {}}}, "/message/command"),
        Wrong(
            {"message": {"seq": 1, "kind": "request", "command": "setBreakpoints", "arguments": {"expression": ""}}},
            "/message/arguments",
        ),
        Wrong({"message": {"seq": 1, "kind": "request", "command": "evaluate"}}, "/message"),
    ],
    room={
        "definitions": {
            "Event": thing("seq kind event", seq={"type": "integer"}, kind={"enum": ["event"]}, event=TEXT, body={}),
            "Stopped": {
                "allOf": [
                    {"$ref": "#/definitions/Event"},
                    thing(
                        "event body",
                        event={"enum": ["stopped"]},
                        body=thing("reason", reason=TEXT, threadId={"type": "integer"}, allThreadsStopped=FLAG),
                    ),
                ]
            },
        },
        "allOf": [{"$ref": "#/definitions/Stopped"}],
    },
    in_room=[
        {"seq": 1, "kind": "event", "event": "stopped", "body": {"reason": "step", "threadId": 1}},
        {"seq": -1, "kind": "event", "event": "stopped", "body": {"reason": "", "hitBreakpointIds": [1]}, "more": {}},
    ],
    not_in_room=[
        Wrong({"seq": 1, "kind": "event", "event": "continued", "body": {"reason": ""}}, "/event"),
        Wrong({"seq": 1, "kind": "event", "event": "stopped", "body": {}}, "/body"),
        Wrong({"seq": 1.5, "kind": "event", "event": "stopped", "body": {"reason": ""}}, "/seq"),
    ],
)

_META: Json = {"type": "object", "additionalProperties": True}
_BLOCK: Json = {
    "title": "ModelBlock",
    "oneOf": [
        thing("type text", type={"const": "text"}, text=TEXT, annotations={"$ref": "#/$defs/annotations"}, _meta=_META),
        thing(
            "type data mimeType",
            type={"const": "image"},
            data={"type": "string", "contentEncoding": "base64"},
            mimeType=TEXT,
            _meta=_META,
        ),
        thing(
            "type resource",
            type={"const": "resource"},
            resource={
                "anyOf": [
                    thing("uri text", uri={"type": "string", "format": "uri"}, text=TEXT),
                    thing("uri blob", uri={"type": "string", "format": "uri"}, blob=TEXT),
                ]
            },
            _meta=_META,
        ),
    ],
    "$defs": {
        "annotations": thing(
            "",
            audience=listed({"enum": ["user", "assistant"]}),
            priority={"type": "number", "minimum": 0, "maximum": 1},
        )
    },
}
MODELS = Family(
    name="models",
    types={
        "model_block": _BLOCK,
        "model_rpc": {
            "title": "ModelRpc",
            **thing("jsonrpc id", jsonrpc={"const": "2.0"}, id={"type": ["string", "integer"]}),
        },
        "model_meta": {
            "title": "ModelWithMeta",
            **thing(
                "", params=thing("", _meta={**_META, "properties": {"progressToken": {"type": ["string", "integer"]}}})
            ),
        },
    },
    request={
        "allOf": [
            {"$ref": "../types/model_rpc.schema.json"},
            {"$ref": "../types/model_meta.schema.json"},
            thing(
                "method params",
                method={"const": "tools/call"},
                params=thing("name", name=TEXT, arguments={"type": "object", "additionalProperties": {}}),
            ),
        ],
    },
    valid=[
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}},
        {
            "jsonrpc": "2.0",
            "id": "a",
            "method": "tools/call",
            "params": {
                "name": "add",
                "arguments": {"a": 1, "b": [None, {}]},
                "_meta": {"progressToken": 1, "x.y/z": {"1": 2}},
            },
            "extra": False,
        },
        {
            "jsonrpc": "2.0",
            "id": -3,
            "method": "tools/call",
            "params": {"name": "", "arguments": {}, "_meta": {}, "task": None},
        },
    ],
    invalid=[
        Wrong({"jsonrpc": "1.0", "id": 1, "method": "tools/call", "params": {"name": ""}}, "/jsonrpc"),
        Wrong({"jsonrpc": "2.0", "id": 1.5, "method": "tools/call", "params": {"name": ""}}, "/id"),
        Wrong({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"name": ""}}, "/method"),
        Wrong(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "", "arguments": []}},
            "/params/arguments",
        ),
        Wrong(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "", "_meta": {"progressToken": None}},
            },
            "/params/_meta/progressToken",
        ),
    ],
    room=thing(
        "content",
        content=listed({"$ref": "../types/model_block.schema.json"}),
        structuredContent={"type": "object"},
        isError=FLAG,
        _meta=_META,
    ),
    in_room=[
        {"content": []},
        {
            "content": [
                {
                    "type": "text",
                    "text": "a",
                    "annotations": {"audience": ["user"], "priority": 1, "lastModified": "x"},
                },
                {"type": "image", "data": "AA==", "mimeType": "image/png", "_meta": {"a/b": []}},
                {"type": "resource", "resource": {"uri": "file:///a", "blob": "AA==", "mimeType": "x/y"}},
            ],
            "structuredContent": {"t": 1.5},
            "isError": False,
            "_meta": {"_": None},
        },
    ],
    not_in_room=[
        Wrong({"content": [{"type": "audio"}]}, "/content/0/type"),
        Wrong(
            {"content": [{"type": "text", "text": "", "annotations": {"priority": 2}}]},
            "/content/0/annotations/priority",
        ),
        Wrong({"content": [{"type": "image", "data": ""}]}, "/content/0"),
    ],
)

_TYPE: Json = {
    "title": "EditorType",
    "oneOf": [
        thing(
            "kind name",
            closed=True,
            kind={"const": "base"},
            name={"enum": ["URI", "integer", "uinteger", "string", "null"]},
        ),
        thing("kind name", closed=True, kind={"const": "reference"}, name=TEXT),
        thing("kind element", closed=True, kind={"const": "array"}, element={"$ref": "editor_type.schema.json"}),
        thing(
            "kind key value",
            closed=True,
            kind={"const": "map"},
            key={
                "oneOf": [
                    thing("kind name", closed=True, kind={"const": "base"}, name={"enum": ["string", "integer"]}),
                    thing("kind name", closed=True, kind={"const": "reference"}, name=TEXT),
                ]
            },
            value={"$ref": "editor_type.schema.json"},
        ),
        thing(
            "kind items",
            closed=True,
            kind={"enum": ["and", "or", "tuple"]},
            items=listed({"$ref": "editor_type.schema.json"}),
        ),
        thing(
            "kind value",
            closed=True,
            kind={"const": "literal"},
            value=thing(
                "properties",
                closed=True,
                properties=listed(
                    thing("name type", name=TEXT, type={"$ref": "editor_type.schema.json"}, optional=FLAG)
                ),
            ),
        ),
    ],
}
_UINT: Json = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
EDITOR = Family(
    name="editor",
    types={
        "editor_type": _TYPE,
        "editor_any": {
            "title": "EditorAny",
            "type": ["object", "array", "string", "integer", "number", "boolean", "null"],
            "items": {"$ref": "editor_any.schema.json"},
            "additionalProperties": {"$ref": "editor_any.schema.json"},
        },
    },
    request={
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"anyOf": [{"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}, TEXT]},
            "method": {"type": "string", "pattern": r"^(\$|[A-Za-z]+)(/[A-Za-z]+)+$"},
            "params": {"anyOf": [listed({"$ref": "../types/editor_any.schema.json"}), {"type": "object"}]},
        },
        "required": ["jsonrpc", "id", "method"],
        "additionalProperties": False,
    },
    valid=[
        {"jsonrpc": "2.0", "id": 1, "method": "$/cancelRequest"},
        {
            "jsonrpc": "2.0",
            "id": "1",
            "method": "textDocument/hover",
            "params": {"position": {"line": 2**31 - 1}, "": None},
        },
        {"jsonrpc": "2.0", "id": -1, "method": "a/B/C", "params": [None, [[{"a": [1.5]}]], "x", False]},
    ],
    invalid=[
        Wrong({"jsonrpc": "2.0", "id": 2**31, "method": "$/a"}, "/id"),
        Wrong({"jsonrpc": "2.0", "id": None, "method": "$/a"}, "/id"),
        Wrong({"jsonrpc": "2.0", "id": 1, "method": "exit"}, "/method"),
        Wrong({"jsonrpc": "2.0", "id": 1, "method": "$/a", "params": "x"}, "/params"),
        Wrong({"jsonrpc": "2.0", "id": 1, "method": "$/a", "result": 1}, "/result"),
    ],
    room=thing(
        "name type range",
        closed=True,
        name=TEXT,
        type={"$ref": "../types/editor_type.schema.json"},
        range={
            "type": "array",
            "prefixItems": [_UINT, _UINT],
            "items": False,
            "minItems": 2,
        },
        deprecated=TEXT,
        since={"type": "string", "deprecated": True},
        weight=NUMBER,
    ),
    in_room=[
        {"name": "a", "type": {"kind": "base", "name": "URI"}, "range": [0, 2**31 - 1]},
        {
            "name": "b",
            "type": {
                "kind": "or",
                "items": [
                    {"kind": "array", "element": {"kind": "tuple", "items": []}},
                    {
                        "kind": "map",
                        "key": {"kind": "base", "name": "string"},
                        "value": {
                            "kind": "literal",
                            "value": {
                                "properties": [{"name": "n", "type": {"kind": "reference", "name": "R"}, "doc": ""}]
                            },
                        },
                    },
                ],
            },
            "range": [1, 2],
            "deprecated": "use c",
            "since": "3.0",
        },
    ],
    not_in_room=[
        Wrong({"name": "a", "type": {"kind": "base", "name": "number"}, "range": [0, 0]}, "/type/name"),
        Wrong({"name": "a", "type": {"kind": "set"}, "range": [0, 0]}, "/type/kind"),
        Wrong(
            {
                "name": "a",
                "type": {"kind": "or", "items": [{"kind": "array", "element": {"kind": "array"}}]},
                "range": [0, 0],
            },
            "/type/items/0/element",
        ),
        Wrong({"name": "a", "type": {"kind": "reference", "name": ""}, "range": [0]}, "/range"),
        Wrong({"name": "a", "type": {"kind": "reference", "name": ""}, "range": [0, 2**31]}, "/range/1"),
    ],
)
