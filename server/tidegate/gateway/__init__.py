"""Carries out what the core decides, between connections, the store and the engine of rooms.

It knows messages only as values that the core and the contract hand it. Adapters reach it as ports: it imports neither
`store` nor `engines` nor websockets.
"""
