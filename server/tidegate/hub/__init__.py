"""The line between a worker and the hub of its machine: frames over a Unix stream socket.

It does not know what a frame says: `engines.hub` and `store.hub` each have their own messages and their own lines.
"""
