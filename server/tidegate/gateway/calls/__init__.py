"""Calls of the application's handlers: their threads, their event loop, their deadline, and what became of them.

The application's code never runs in the gateway's event loop, except for its rules about rows. So it cannot block the
gateway, cancel its tasks or end it. What it cannot be kept from is in docs/how-to/own-messages.md.
"""
