-- Which commands of the other scripts the user may not run: they would fail in the middle of a script, and much later.
-- KEYS 1 a key that nobody uses  ARGV 1 a channel that nobody hears
-- Returns their names, and the first other thing that the server said against a write, such as that it has too few replicas.
local key, refused, other = KEYS[1], {}, ''
local function try(command, ...)
  local reply = redis.pcall(command, ...)
  local said = type(reply) == 'table' and reply.err or ''
  if string.find(said, 'permission') or string.find(said, 'NOPERM') or string.find(said, "executing the script can't") then
    refused[#refused + 1] = string.lower(command)
  elseif other == '' then
    other = said
  end
end
try('TIME')
try('PUBLISH', ARGV[1], '')
for _, words in ipairs({
  {'DEL'}, {'GET'}, {'SET', '1', 'PX', '1000'}, {'PEXPIRE', 1000}, {'DEL'}, -- DEL first: see beat.lua
  {'HSET', 'a', '1'}, {'HINCRBY', 'a', 1}, {'HMGET', 'a'}, {'HEXISTS', 'a'}, {'HLEN'}, {'HKEYS'}, {'HGETALL'},
  {'HDEL', 'a'}, {'DEL'},
  {'XADD', '1', 'a', '1'}, {'XRANGE', '-', '+'}, {'XREVRANGE', '+', '-'}, {'DEL'},
  {'ZADD', 1, 'a'}, {'ZSCORE', 'a'}, {'ZRANGE', 0, -1}, {'ZREM', 'a'}, {'DEL'},
  {'SADD', 'a'}, {'SCARD'}, {'SRANDMEMBER', 1}, {'SREM', 'a'}, {'DEL'},
}) do
  try(words[1], key, unpack(words, 2))
end
return {refused, other}
