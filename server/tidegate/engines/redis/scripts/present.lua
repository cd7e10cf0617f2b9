-- One gateway says how a user is present in a room through it. Only that gateway writes the entry.
-- KEYS 1 the room's hash  2 its presence  3 leases of the nodes  4 rooms of the node
-- ARGV 1 node  2 field: node and user  3 entry ('' = gone)  4 room  5 channel  6 1 if the node has no user in the room now
--      7 ms after the end of its lease when a node is given up
-- Returns occupied, vacated or an empty string; the error GIVENUP where the node was given up: it must take another name.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not lease or tonumber(lease) + tonumber(ARGV[7]) <= now then return redis.error_reply('GIVENUP the lease ended') end
local before = redis.call('HLEN', KEYS[2])
-- Who leaves frees memory: a server that is full refuses no write after one that needs none.
if ARGV[3] == '' then redis.call('SREM', KEYS[4], '') end
if ARGV[6] == '1' then redis.call('SREM', KEYS[4], ARGV[4]) else redis.call('SADD', KEYS[4], ARGV[4]) end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
elseif redis.call('HDEL', KEYS[2], ARGV[2]) == 0 then
  return ''
end
-- A room without an epoch gets no hash here: it would never expire.
local version = 0
if redis.call('HEXISTS', KEYS[1], 'e') == 1 then version = redis.call('HINCRBY', KEYS[1], 'v', 1) end
redis.call('PUBLISH', ARGV[5], string.format('P %.0f %s %s', version, ARGV[2], ARGV[3]))
local after = redis.call('HLEN', KEYS[2])
if before == 0 and after > 0 then return 'occupied' end
if before > 0 and after == 0 then return 'vacated' end
return ''
