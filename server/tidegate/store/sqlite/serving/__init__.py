"""The data layer over SQLite while the gateway serves."""
