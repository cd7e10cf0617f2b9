"""Everything that touches a socket: connections, outbox, timers, listener, HTTP routes, and the gateway above them."""
