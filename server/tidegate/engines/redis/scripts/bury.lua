-- Remove the entries of a node that was given up, from one room. A second burial finds nothing to do.
-- KEYS 1 the room's hash  2 its presence  3 leases of the nodes  4 rooms of the node  5 who changed the room last, and how
--      6 what was told about the room before the server lost everything, and until when that is open; or that it was decided
-- ARGV 1 node  2 room  3 channel  4 ms after the end of its lease when a node is given up  5 name of this burial, which begins with
--      "buried": it finds its change again where its answer was lost  6 ms that it may ask
-- Returns how many entries there were (-1 where the node lives), and whether the room lost its last user with them.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[3], ARGV[1])
if lease and tonumber(lease) + tonumber(ARGV[4]) > now then return {-1, 0} end
local count, mine = 0, ARGV[1] .. ' '
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(field, 1, #mine) == mine then
    redis.call('HDEL', KEYS[2], field)
    count = count + 1
    local version = 0
    if redis.call('HEXISTS', KEYS[1], 'e') == 1 then version = redis.call('HINCRBY', KEYS[1], 'v', 1) end
    redis.call('PUBLISH', ARGV[3], string.format('P %.0f %s ', version, field))
  end
end
redis.call('SREM', KEYS[4], ARGV[2])
local open = string.match(redis.call('GET', KEYS[6]) or '', '^%a+ %d+$') -- then decide.lua says it
local vacated = redis.call('HLEN', KEYS[2]) == 0 and not open
if vacated and count > 0 then
  redis.call('SET', KEYS[5], ARGV[5] .. ' vacated', 'PX', ARGV[6])
elseif vacated then
  vacated = redis.call('GET', KEYS[5]) == ARGV[5] .. ' vacated'
end
return {count, vacated and 1 or 0}
