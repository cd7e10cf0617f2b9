"""Tables, change log and their changes in SQLite."""
