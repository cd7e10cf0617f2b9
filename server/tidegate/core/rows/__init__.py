"""The half of the protocol about rows: subscriptions, reads, writes and committed changes."""
