-- What a gateway needs of a room: when it subscribes, after a lost connection, and when a client asks what it missed.
-- KEYS 1 the room's hash  2 its stream  3 its presence
-- ARGV 1 history of this server  2 an epoch that nobody has used  3 epoch and 4 offset of the newest message that the calling
--      gateway has delivered ('' and 0 = none; never a client's)  5 ms that the hash lives  6 ms that messages are kept
--      7 epoch and 8 offset after which messages are asked for ('' = none)  9 messages and 10 bytes of them, at most
-- Returns {epoch, head, presence version, messages or nil, [field, entry, ...]}
local known = redis.call('HMGET', KEYS[1], 'e', 's', 'g', 'v')
local epoch, head = known[1], tonumber(known[2] or '0')
if not epoch or known[3] ~= ARGV[1] or (epoch == ARGV[3] and head < tonumber(ARGV[4])) then
  epoch, head = ARGV[2], 0 -- as in publish.lua: no position of before may mean another message
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'e', epoch, 's', 0, 'g', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local missed, count = false, head - tonumber(ARGV[8])
if ARGV[7] == epoch and count >= 0 and count <= tonumber(ARGV[9]) then
  missed = {}
  local time, bytes, at = redis.call('TIME'), 0, head - count
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[6])
  while missed and at < head do
    local page = redis.call('XRANGE', KEYS[2], string.format('%.0f', at + 1), '+', 'COUNT', 64)
    if #page == 0 then missed = false end
    for _, item in ipairs(page) do
      at, bytes = at + 1, bytes + #item[2][4]
      if item[1] ~= string.format('%.0f-0', at) or tonumber(item[2][2]) < oldest or bytes > tonumber(ARGV[10]) then
        missed = false
        break
      end
      missed[#missed + 1] = item[2][4]
    end
  end
end
return {epoch, head, tonumber(known[4] or '0'), missed, redis.call('HGETALL', KEYS[3])}
