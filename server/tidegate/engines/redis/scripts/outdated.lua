-- Stands before the scripts that hold a room's history against the server's: whether the calling gateway knows an old name of it.
-- A server names what it replicates otherwise when it gets its first replica, and when it had none for an hour. Gateways that
-- connected before and after would begin a new epoch with each message, each in the place of the other's.
-- ARGV 1 history of this server, as the gateway knows it ('' = not known)
local function outdated(of_room)
  if not of_room or of_room == ARGV[1] or ARGV[1] == '' then return false end
  local run = string.match(tostring(redis.pcall('INFO', 'server')), 'run_id:(%x+)')
  local replication = string.match(tostring(redis.pcall('INFO', 'replication')), 'master_replid:(%x+)')
  return run and replication and string.sub(redis.sha1hex(run .. ' ' .. replication), 1, 16) ~= ARGV[1]
end
local OUTDATED = 'OUTDATED the server has another history than when the gateway connected'
