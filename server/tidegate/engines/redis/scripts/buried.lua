-- A burial is complete: forget the node, unless it lives or a room of it is left.
-- KEYS 1 leases of the nodes  2 rooms of the node
-- ARGV 1 node  2 ms after the end of its lease when a node is given up
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if lease and tonumber(lease) + tonumber(ARGV[2]) > now then return 0 end
if redis.call('SCARD', KEYS[2]) > 0 then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
