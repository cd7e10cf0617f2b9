"""What both databases share while the gateway serves: threads, feed, snapshots, permissions of a mutation."""
