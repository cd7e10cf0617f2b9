"""The databases of workers, whose change log the hub follows for all of them; an SQLite file it also writes.

`store.HubStore` is a worker's side over SQLite, and `feed_line.FeedLine` its feed over PostgreSQL; both have a
`row_line.RowLine` to the hub. `rows.RowsOfHub` is the hub's side of both, over the store of one process.
"""
