"""What the application's code asks of the gateway, and what the gateway tells it.

The code runs in threads or in the loop of handlers; everything here that touches sessions, rooms or rows runs in the
gateway's loop. `tidegate.handlers.port` is the boundary between the two.
"""
