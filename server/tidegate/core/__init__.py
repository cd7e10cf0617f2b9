"""The rules of the protocol, pure: no I/O, no clock, no randomness, no asyncio. Time and identifiers come in as arguments."""
