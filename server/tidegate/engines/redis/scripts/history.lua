-- A page of a room's history, newest first: at most so many messages and bytes, but one message at least.
-- KEYS 1 the room's stream  ARGV 1 offset that the page ends before ('' = none)  2 messages and 3 bytes, at most
--      4 ms that messages are kept
-- Returns {1 if older ones are kept, otherwise 0, message, ...}
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[4])
local last = ARGV[1] == '' and '+' or string.format('%.0f', tonumber(ARGV[1]) - 1)
local answer, bytes = {0}, 0
while true do
  local page = redis.call('XREVRANGE', KEYS[1], last, '-', 'COUNT', 16)
  for _, item in ipairs(page) do
    if tonumber(item[2][2]) < oldest then return answer end
    bytes = bytes + #item[2][4]
    if #answer > tonumber(ARGV[2]) or (#answer > 1 and bytes > tonumber(ARGV[3])) then
      answer[1] = 1
      return answer
    end
    answer[#answer + 1] = item[2][4]
    last = string.format('%.0f', tonumber(string.match(item[1], '^%d+')) - 1)
  end
  if #page < 16 then return answer end
end
