"""`tidegate serve` with several processes: the supervisor's part, and that of the processes that it starts."""
