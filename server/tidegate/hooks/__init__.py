"""Webhooks: what happens at the gateway and in its database, told to other programs over HTTP.

Every event goes through an outbox in the gateway's database, so that a receiver that is away, or a gateway that is
killed, loses none. One gateway of all that share a database sends.
"""
