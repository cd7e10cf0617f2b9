"""Carries room messages between gateways. `memory.MemoryBroker` serves one process."""
