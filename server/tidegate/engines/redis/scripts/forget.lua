-- Delete the history of a room: its next message begins another epoch. Members stay.
-- KEYS 1 the room's hash  2 its stream  ARGV 1 an epoch that was never used  2 history of this server  3 ms that the hash lives
redis.call('DEL', KEYS[2])
if redis.call('HEXISTS', KEYS[1], 'e') == 1 then
  redis.call('HSET', KEYS[1], 'e', ARGV[1], 's', 0, 'g', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
