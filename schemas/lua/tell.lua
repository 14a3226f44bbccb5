-- tell -- leaves a notice for a holder; also while the instance is lost.
-- holder, notices max, session, connection, close code. OK.
local key = prefix .. 'notices:' .. ARGV[5]
call('RPUSH', key, ARGV[7] .. ' ' .. ARGV[8] .. ' ' .. ARGV[9])
call('LTRIM', key, -ARGV[6], -1)
call('EXPIRE', key, SAFETY_SEC)
return { 'OK', 0 }
