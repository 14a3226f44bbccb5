-- offer -- another secret for a session that is connecting and held in that turn.
-- session, turn, next. OK: the session. STALE, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(ARGV[5])
if not r then
  return { 'UNKNOWN', m.revision }
elseif r.state ~= 'connecting' or r.holder == '' or r.turn ~= tonumber(ARGV[6]) then
  return { 'STALE', m.revision }
end
give_secret(r, ARGV[7])
raise(r)
keep(r)
return put(done('OK'), r)
