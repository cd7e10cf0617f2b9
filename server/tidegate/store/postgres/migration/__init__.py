"""The migrations of a PostgreSQL database: tables, change log, triggers, and their changes."""
