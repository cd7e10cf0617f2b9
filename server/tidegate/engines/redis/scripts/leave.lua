-- A gateway ends its lease now, and says so: its members stay for as long as those of a gateway that died.
-- KEYS 1 leases of the nodes  ARGV 1 node  2 channel of all gateways
local time = redis.call('TIME')
redis.call('ZREM', KEYS[1], '') -- a server that is full refuses no write after one that needs no memory
redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return redis.call('PUBLISH', ARGV[2], 'L' .. ARGV[1])
