-- What a gateway needs of a room: when it subscribes, after a lost connection, and when a client asks what it missed.
-- KEYS 1 the room's hash  2 its stream  3 its presence
-- ARGV 1 history of this server ('' = not known)  2 an epoch that was never used  3 epoch and 4 offset of the newest message that the
--      calling gateway has delivered ('' and 0 = none; never a client's)  5 ms that the hash lives  6 ms that messages are
--      kept  7 epoch and 8 offset after which messages are asked for ('' and 0 = none)  9 bytes of messages, about
--      10 1 for who is present, otherwise 0
-- Returns {epoch, head, presence version, the first messages asked for or nil, [field, entry, ...]}; the error OUTDATED as publish.lua
local known = redis.call('HMGET', KEYS[1], 'e', 's', 'g', 'v')
local epoch, head = known[1], tonumber(known[2] or '0')
if outdated(known[3]) then return redis.error_reply(OUTDATED) end
local another = ARGV[1] ~= '' and known[3] ~= ARGV[1]
if not epoch or another or (epoch == ARGV[3] and head < tonumber(ARGV[4])) then
  epoch, head = ARGV[2], 0 -- as in publish.lua: no position of before may mean another message
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'e', epoch, 's', 0, 'g', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local missed, at = false, tonumber(ARGV[8])
if ARGV[7] == epoch and at <= head then
  missed = {}
  local time, bytes = redis.call('TIME'), 0
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[6])
  while missed and at < head and bytes < tonumber(ARGV[9]) do
    local page = redis.call('XRANGE', KEYS[2], string.format('%.0f', at + 1), '+', 'COUNT', 64)
    if #page == 0 then missed = false end
    for _, item in ipairs(page) do
      at, bytes = at + 1, bytes + #item[2][4]
      if item[1] ~= string.format('%.0f-0', at) or tonumber(item[2][2]) < oldest then missed = false break end
      missed[#missed + 1] = item[2][4]
    end
  end
end
return {epoch, head, tonumber(known[4] or '0'), missed, ARGV[10] == '1' and redis.call('HGETALL', KEYS[3]) or {}}
