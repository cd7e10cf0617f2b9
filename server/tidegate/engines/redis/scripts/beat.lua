-- A gateway lives. KEYS 1 leases of the nodes: when each one's ends, in ms  2 name of what the server keeps
-- ARGV 1 node  2 ms of a lease  3 ms after its end when a node is given up  4 a name that was never used
-- A node that was given up gets no new lease, so that no burial ever meets a node that lives.
-- Returns {1 if the node has a lease from before, now in ms, [node, end of its lease, ...], name of what the server keeps: another
-- one where it lost everything since}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[1], '') -- a server that is full refuses no write after one that needs no memory
redis.call('SET', KEYS[2], ARGV[4], 'NX')
local given_up = lease and tonumber(lease) + tonumber(ARGV[3]) <= now
if not given_up then redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1]) end
return {(lease and not given_up) and 1 or 0, now, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), redis.call('GET', KEYS[2])}
