"""The rules of the protocol, pure: no I/O, clock, randomness or asyncio. Time and identifiers come in as arguments."""
