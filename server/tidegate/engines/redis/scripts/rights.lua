-- Which commands of the other scripts the user may not run: they would fail in the middle of a script, and much later.
-- KEYS 1 a key that nobody uses  ARGV 1 a channel that nobody hears
-- Returns their names.
local refused = {}
local function try(...)
  local reply = redis.pcall(...)
  local said = type(reply) == 'table' and reply.err or ''
  if string.find(said, 'permission') or string.find(said, 'NOPERM') or string.find(said, "can't run this command") then
    refused[#refused + 1] = string.lower((...))
  end
end
local key = KEYS[1]
try('DEL', key) -- first: a server that is full refuses no write after one that needs no memory
try('TIME')
try('GET', key)
try('SET', key, '1', 'PX', '1000')
redis.pcall('DEL', key)
try('HSET', key, 'a', '1')
try('HINCRBY', key, 'a', 1)
try('PEXPIRE', key, 1000)
try('HMGET', key, 'a')
try('HEXISTS', key, 'a')
try('HLEN', key)
try('HKEYS', key)
try('HGETALL', key)
try('HDEL', key, 'a')
redis.pcall('DEL', key)
try('XADD', key, '1', 'a', '1')
try('XRANGE', key, '-', '+', 'COUNT', 1)
try('XREVRANGE', key, '+', '-', 'COUNT', 1)
redis.pcall('DEL', key)
try('ZADD', key, 1, 'a')
try('ZSCORE', key, 'a')
try('ZRANGE', key, 0, -1)
try('ZREM', key, 'a')
redis.pcall('DEL', key)
try('SADD', key, 'a')
try('SCARD', key)
try('SRANDMEMBER', key, 1)
try('SREM', key, 'a')
try('PUBLISH', ARGV[1], '')
redis.pcall('DEL', key)
return refused
