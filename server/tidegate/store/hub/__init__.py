"""SQLite for the workers of one machine: they read the file, and the hub writes to it and follows its change log.

`store.HubStore` is the worker's side; `rows.RowsOfHub` is the hub's, over the store of one process.
"""
