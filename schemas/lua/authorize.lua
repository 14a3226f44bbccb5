-- authorize -- the connection of that turn has shown another access token: a later end of it is taken.
-- session, turn, auth until. OK: the session. STALE, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r, auth_until = load(ARGV[5]), tonumber(ARGV[7])
if not r then
  return { 'UNKNOWN', m.revision }
elseif r.turn ~= tonumber(ARGV[6]) then
  return { 'STALE', m.revision }
elseif auth_until <= r.auth_until then
  return put({ 'OK', m.revision }, r)
end
r.auth_until = auth_until
raise(r)
keep(r)
return put(done('OK'), r)
