"""The data layer over PostgreSQL: the only importer of psycopg, an optional dependency (`tidegate[postgres]`)."""
