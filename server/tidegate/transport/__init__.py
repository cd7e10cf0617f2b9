"""Sockets, HTTP and WebSocket frames. The only importer of websockets; it knows no message of the protocol."""
