"""Requests over HTTP: every request of the protocol that makes sense without a connection, and rows as resources.

A request becomes a message, the message goes through the same contract, core and effects as one of a WebSocket, and
the reply becomes the response.
"""
