"""Engines: what keeps the messages of rooms and joins gateways. `memory.MemoryEngine` serves one process."""
