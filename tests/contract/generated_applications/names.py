"""Names that generated code has trouble with: of properties, definitions, titles and tags.

They are words of Python, TypeScript, JSON Schema and the generated modules, names that become equal when they are made
identifiers, and texts that end a string, a comment or a line.
"""

from __future__ import annotations

ENDS = [
    *("\"", "'", "\\", "`", "\n", "\t", "\u0001", "\u007f", "\u0085", "\u2028", "${x}", "*/", "/*",),
    *("\"\"\"", "#", "{", "}", "\\n", "%s", ";",),
]  # fmt: skip
"""They end or begin something in source code."""
UNUSUAL = [
    *("", " ", "a b", "a.b", "a/b", "a~b", "1", "0x1", "-", "@type", "\U0001f600", "\u5730\u5740",),
    *("\u00e9", "e\u0301", "\u00aa", "\u200b", "\ufeff", "\u212b",),
]  # fmt: skip
ALIKE = [
    *("a", "A", "a_b", "a-b", "aB", "AB", "ab", "a__b", "_a", "a_", "__a", "field_a", "a_1", "a1", "K",),
    *("\u212a", "item", "items", "Item",),
]  # fmt: skip
PYTHON = [
    *("class", "from", "None", "True", "False", "def", "import", "self", "cls", "async", "match", "_",),
    *("__", "print", "id", "str", "int", "float", "bool", "list", "dict", "object", "type_", "tuple",),
    *("set", "bytes", "Any", "Literal", "field", "msgspec", "Struct", "UNSET", "UnsetType", "Model",),
    *("Request", "TypeAlias", "Annotated", "annotations", "extra", "__init__", "__dict__", "__class__",),
    *("__struct_fields__", "__slots__", "__eq__", "__doc__", "__annotations__", "class_", "from_",),
    *("field_", "rest", "others", "others_", "base", "models", "typing", "Meta", "Int64", "mro", "tag",),
]  # fmt: skip
TYPESCRIPT = [
    *("function", "var", "let", "default", "delete", "enum", "interface", "number", "string", "boolean",),
    *("unknown", "any", "never", "undefined", "null", "readonly", "in", "is", "new", "this", "constructor",),
    *("prototype", "toString", "__proto__", "hasOwnProperty", "valueOf", "length", "then", "arguments",),
    *("eval", "property", "Record", "Array", "Promise",),
]  # fmt: skip
KEYWORDS = [
    *("$ref", "$defs", "properties", "items", "required", "title", "const", "x-access", "allOf", "$id",),
    *("definitions",),
]  # fmt: skip
MESSAGES = [
    *("ref", "room", "data", "kind", "value", "name", "text", "id", "ids",),
]  # fmt: skip
PROPERTIES = [*UNUSUAL, *ALIKE, *PYTHON, *TYPESCRIPT, *KEYWORDS]
OF_EVERY_OBJECT = {"constructor", "toString", "hasOwnProperty", "valueOf"}
"""TypeScript takes these in a literal for the methods of every object, unless the type names them."""
OTHERS = [name for name in [*PROPERTIES, *MESSAGES] if name not in OF_EVERY_OBJECT]
"""Names of properties that a schema does not name."""

DEFINITIONS = [
    *("Part", "part", "a-b", "a_b", "a.b", "\u5730\u5740", "\U0001f600", "class", "None", "1", "item",),
    *("X1", "Model", "_", "$", "list",),
]  # fmt: skip
"""Keys of `$defs`."""
TITLES = [
    *("None", "True", "False", "List", "Dict", "Str", "Int", "Union", "Optional", "Struct", "Field",),
    *("Self", "Base", "NamedTuple", "Exception", "CONTRACT", "ROOMS", "RESOURCES", "REPLIES", "CLIENT",),
    *("User", "Principal", "Error", "Welcome", "Joined", "DocumentRoot", "Root", "Enum", "Record",),
    *("Object", "Array", "String", "Number", "Boolean", "Promise", "Date", "Map", "Function", "Symbol",),
    *("Partial", "Readonly", "Extract", "Order", "Kind", "Type", "Value", "Item", "Items", "X", "X1", "X2",),
    *("Ellipsis", "NotImplemented", "BaseException", "ValueError", "TypeError", "Decimal", "ClassVar",),
    *("Final", "Callable", "Mapping", "Sequence", "Iterator", "Conditions", "ROOMS2",),
]  # fmt: skip
RESERVED = [
    *("Annotated", "Any", "App", "ClientMessages", "EqualityConditions", "Int64", "ListConditions",),
    *("Literal", "Meta", "Model", "NullConditions", "NullableEqualityConditions", "NullableListConditions",),
    *("NullableOrderConditions", "NullableTextConditions", "OrderConditions", "Replies", "Request",),
    *("ResourceTypes", "Resources", "RoomData", "Rooms", "ServerMessages", "TextConditions", "TypeAlias",),
    *("UnsetType",),
]  # fmt: skip
"""Titles that `check` refuses."""
TAGS = [
    *("kind", "type", "t", "tag", "class", "$type", "op", "@type", "a-b", "\u00e9",),
]  # fmt: skip
"""Names of the property that tells alternatives apart."""
WORDS = [
    *("text", "image", "a", "b", "A", "", "a-b", "a_b", "None", "1", "class", "\U0001f600", "\"", "\\",),
    *("\n", "x y", "true",),
]  # fmt: skip
"""Values of such a property."""
TEXTS = [
    *("", "plain", "ends with \"", "\"\"\"", "\\", "*/", "a\nb", "\u2028", "`${x}`", "\U0001f600",),
    *("{{ x }}", "trailing\\", "'''", "# no", "\t",),
]  # fmt: skip
"""Descriptions."""
