-- show -- a connection shows a secret, to enter or to watch.
-- what ('enter' or 'watch'), shown, next, holder, connection
-- OK: who held it or nobody, the session. WAITING, SPENT, EXPIRED, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local entering, holder, connection = ARGV[5] == 'enter', ARGV[8], tonumber(ARGV[9])
local r, why = opened_by(ARGV[6])
if not why and entering and r.state == 'waiting' then
  why = 'WAITING'
elseif not why and not entering and not is_attempt(r.state) then
  why = 'UNKNOWN'
end
if why then
  return { why, m.revision }
end
local told = r.holder ~= '' and (r.holder ~= holder or r.connection ~= connection)
local answer = put_whom({}, told and r)
give_secret(r, ARGV[7])
hold(r, holder, connection)
if entering then
  move(r, 'active')
  r.offered = 0
end
if r.state ~= 'connecting' then
  last_until(r, -1)
end
raise(r)
r.turn = r.version
keep(r)
local head = done('OK')
return put({ head[1], head[2], unpack(answer) }, r)
