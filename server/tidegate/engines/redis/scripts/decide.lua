-- What is to be told about a room after the server lost everything: it was open what had been told about it before.
-- KEYS 1 its presence  2 what was told about it, and until when that is open; or that it was decided  3 who changed the room last, and how
--      4 name of what the server keeps
-- ARGV 1 name of this decision  2 ms that it may be asked for again, where its answer was lost
--      3 name of what the server keeps, as the gateway knows it  4 name of the server's history
--      5 ms for which the server remembers that it was decided
-- Returns occupied, vacated, an empty string for nothing, or the ms for which another gateway may still say something (or, where the
-- server lost everything again, will).
if redis.call('GET', KEYS[4]) ~= ARGV[3] then return 1 end
local lost = string.match(redis.call('GET', KEYS[3]) or '', '^(.*) %a+$')
local told, ends = string.match(redis.call('GET', KEYS[2]) or '', '^(%a+) (%d+)$')
if not told then
  if lost == ARGV[1] then return string.match(redis.call('GET', KEYS[3]), '%a+$') end
  return ''
end
local time = redis.call('TIME')
local left = tonumber(ends) - (time[1] * 1000 + math.floor(time[2] / 1000))
if left > 0 then return left end
redis.call('HDEL', KEYS[1], '') -- a server that is full refuses no write after one that needs no memory
local now = redis.call('HLEN', KEYS[1]) > 0 and 'occupied' or 'vacated'
if told == 'vacated' and now == told then
  redis.call('DEL', KEYS[2]) -- no gateway has said anything that a later one could contradict
else
  redis.call('SET', KEYS[2], 'decided:' .. ARGV[4], 'PX', ARGV[5])
end
if now == told then return '' end
redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. now, 'PX', ARGV[2])
return now
