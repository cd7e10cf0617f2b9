"""Carries out what the core decides: between connections, the core, the store and the engine of rooms."""
