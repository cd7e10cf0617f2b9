"""The data layer over SQLite: apsw's own, which carries the fixes that a system's may lack."""
