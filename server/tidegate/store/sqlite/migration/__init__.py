"""The migrations of an SQLite database: tables, change log, triggers, and their changes."""
