-- Publish one message in a room: its position, its time and its place in the history are decided here.
-- KEYS 1 the room's hash  2 its stream  3 the idempotency key (the hash again where the message has none)
-- ARGV 1 history of this server ('' = not known)  2 an epoch that was never used
--      3 epoch and 4 offset of the newest message that the calling gateway has delivered ('' and 0 = none)
--      5 ms that the hash lives  6 messages that are kept (0 = none)  7 ms that they are kept  8 channel
--      9 digest of the data ('' = no idempotency key)  10 ms that the key lives
--      11 the message in JSON before its position  12 after its time
-- Returns "epoch offset"; the error CONFLICT where the key stands for other data, OUTDATED where the gateway has to connect again.
local known = redis.call('HMGET', KEYS[1], 'e', 's', 'g')
local epoch, offset = known[1], tonumber(known[2] or '0')
if outdated(known[3]) then return redis.error_reply(OUTDATED) end
local another = ARGV[1] ~= '' and known[3] ~= ARGV[1]
if not epoch or another or (epoch == ARGV[3] and offset < tonumber(ARGV[4])) then
  -- The room is new, or this server has another history than the one that the messages came from, or it lost some.
  epoch, offset = ARGV[2], 0
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'e', epoch, 's', 0, 'g', ARGV[1])
elseif ARGV[9] ~= '' then
  local digest, of, at = string.match(redis.call('GET', KEYS[3]) or '', '^(%S+) (%S+) (%d+)$')
  if of == epoch then -- one of an earlier epoch stands for a message that is lost
    if digest ~= ARGV[9] then return redis.error_reply('CONFLICT another message has this key') end
    return epoch .. ' ' .. at
  end
end
offset = redis.call('HINCRBY', KEYS[1], 's', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local position = string.format('"position":{"epoch":"%s","offset":%.0f},"time":', epoch, offset)
local text = ARGV[11] .. position .. now .. ARGV[12]
if ARGV[6] ~= '0' and ARGV[7] ~= '0' then
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[6], string.format('%.0f', offset), 't', now, 'm', text)
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
end
local answer = string.format('%s %.0f', epoch, offset)
redis.call('PUBLISH', ARGV[8], 'M ' .. answer .. ' ' .. text)
if ARGV[9] ~= '' then redis.call('SET', KEYS[3], ARGV[9] .. ' ' .. answer, 'PX', ARGV[10]) end
return answer
