"""Several worker processes of one gateway on one machine: who starts them, on which sockets, and who replaces them.

The supervisor holds the listening sockets, one a slot, and starts a worker on each. A hub process joins the workers
where no engine outside does. Workers and hub are members: processes that the supervisor starts, hears and ends.
"""
