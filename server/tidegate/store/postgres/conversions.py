"""SQL functions that read columns of other programs' types, without an error for any value.

A function has one name for several column types, so that a condition is the same for all. For the type that Tidegate
would give the column the function is the column, and PostgreSQL puts it in place: indexes serve as before.
Invariant: no value that a column may hold makes a function fail.
"""

from __future__ import annotations

import hashlib

from tidegate.store.sql.names import literal

SCHEMA = "_tidegate"
NUMBER, JSON, IS_NAN = f"{SCHEMA}.number_of", f"{SCHEMA}.json_of", f"{SCHEMA}.is_nan"

LARGEST = "1.7976931348623157e308"
"""Of float8. SMALLEST is the smallest above zero."""
SMALLEST = "5e-324"

_FUNCTIONS = {
    f"{NUMBER}(double precision)": "RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1'",
    # The short text: 0.2 and not 0.20000000298023224.
    f"{NUMBER}(real)": "RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1::text::float8'",
    f"{NUMBER}(numeric)": "RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    + literal(
        f"SELECT CASE WHEN abs($1) > {LARGEST}::numeric THEN 'Infinity' WHEN abs($1) < {SMALLEST}::numeric THEN 0 "
        "ELSE $1::float8 END"
    ),
    # A numeric(p, 0) stands for an integer, and may be NaN, which is above every number.
    **{
        f"{IS_NAN}({integer})": "RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT false'"
        for integer in ("bigint", "integer", "smallint")
    },
    # Spelt so that an index serves it.
    f"{IS_NAN}(numeric)": "RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
    + literal("SELECT $1 IS NOT NULL AND $1 = 'NaN'"),
    f"{JSON}(jsonb)": "RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1'",
    # NULL for what json allows and jsonb does not: NUL, half a surrogate pair, numbers and levels beyond all bounds.
    f"{JSON}(json)": "RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS "
    "$$BEGIN RETURN $1::jsonb; EXCEPTION WHEN OTHERS THEN RETURN NULL; END$$",
}


def conversions() -> dict[str, tuple[str, list[str]]]:
    """The functions by their signatures: the comment on an up-to-date function, and statements that make it."""
    found = {}
    for signature, rest in _FUNCTIONS.items():
        create = f"CREATE OR REPLACE FUNCTION {signature} {rest}"
        # Default privileges may have taken the right from PUBLIC. Without it the role of a gateway could list no rows.
        grant = f"GRANT EXECUTE ON FUNCTION {signature} TO PUBLIC"
        comment = "Tidegate's; " + hashlib.sha256((rest + grant).encode()).hexdigest()[:16]
        found[signature] = comment, [create, grant, f"COMMENT ON FUNCTION {signature} IS {literal(comment)}"]
    return found
