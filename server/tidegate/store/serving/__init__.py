"""What both databases share while the gateway serves: threads, feed, snapshots, the rule of a mutation."""
