-- One gateway says how a user is present in a room through it. Only that gateway writes the entry.
-- KEYS 1 the room's hash  2 its presence  3 leases of the nodes  4 rooms of the node  5 who changed the room last, and how
--      6 what was told about the room before the server lost everything, and until when that is open; or that it was decided
-- ARGV 1 node  2 field: node and user  3 entry ('' = gone)  4 room  5 channel  6 1 if the node has no user in the room now
--      7 ms after the end of its lease when a node is given up  8 name of this change  9 1 if its answer was lost: it may have been made
--      10 ms that it may be asked for again  11 ms for which it is open what was told about the room (0 = it is not)
--      12 1 if the node knows that it was told to be occupied  13 name of the server's history
-- Returns occupied, vacated, an empty string for no change, or open; the error GIVENUP where the node must take another name.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not lease or tonumber(lease) + tonumber(ARGV[7]) <= now then return redis.error_reply('GIVENUP the lease ended') end
local before = redis.call('HLEN', KEYS[2])
-- Who leaves frees memory: a server that is full refuses no write after one that needs none.
if ARGV[3] == '' then redis.call('SREM', KEYS[4], '') end
if ARGV[6] == '1' then redis.call('SREM', KEYS[4], ARGV[4]) else redis.call('SADD', KEYS[4], ARGV[4]) end
local about = redis.call('GET', KEYS[6]) or ''
local told, ends = string.match(about, '^(%a+) (%d+)$')
if ARGV[11] ~= '0' and about ~= 'decided:' .. ARGV[13] then -- who comes back after the decision knows less than the server
  local known = ARGV[12] == '1' and not string.match(redis.call('GET', KEYS[5]) or '', '^buried ') -- a burial that came last was told, too
  told = known and 'occupied' or told or 'vacated'
  ends = string.format('%.0f', math.max(tonumber(ends or '0'), now + ARGV[11]))
  redis.call('SET', KEYS[6], told .. ' ' .. ends, 'PX', ends - now + ARGV[10])
end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
elseif redis.call('HDEL', KEYS[2], ARGV[2]) == 0 and ARGV[9] == '0' then
  return told and 'open' or ''
end
local version = 0 -- a room without an epoch gets no hash here: it would never expire
if redis.call('HEXISTS', KEYS[1], 'e') == 1 then version = redis.call('HINCRBY', KEYS[1], 'v', 1) end
redis.call('PUBLISH', ARGV[5], string.format('P %.0f %s %s', version, ARGV[2], ARGV[3]))
local after, change = redis.call('HLEN', KEYS[2]), ''
if before == 0 and after > 0 then change = 'occupied' elseif before > 0 and after == 0 then change = 'vacated' end
if told then return 'open' end -- decide.lua says what is to be told
if ARGV[9] == '1' then
  local name, lost = string.match(redis.call('GET', KEYS[5]) or '', '^(.*) (%a+)$')
  if name == ARGV[8] then
    if change == '' then return lost end
    redis.call('DEL', KEYS[5]) -- the lost change and this one together are none
    return ''
  end
end
if change ~= '' then redis.call('SET', KEYS[5], ARGV[8] .. ' ' .. change, 'PX', ARGV[10]) end
return change
