"""What clients may cost: how much memory, how many frames, whose turn it is. Pure: no clock, no thread, no socket."""
