"""The engine of the workers of one machine: room messages, history and presence live in the hub's process.

`engine.HubEngine` is the worker's side; `rooms.RoomsOfHub` is the hub's, over the engine of one process.
"""
