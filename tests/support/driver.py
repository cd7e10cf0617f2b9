"""psycopg for tests: a test that imports this module is skipped, with the reason, where psycopg is not installed.

A test module for PostgreSQL only imports it at its top. A test module for several databases imports it inside the
function that needs it.
"""

from __future__ import annotations

import pytest

from tests.support.postgres_programs import missing

try:
    import psycopg
    from psycopg import errors, sql
except ImportError:
    pytest.skip(missing() or "psycopg cannot be imported", allow_module_level=True)

__all__ = ["errors", "psycopg", "sql"]
