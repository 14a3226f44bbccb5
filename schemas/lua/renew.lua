-- renew -- a user shows a session's secret over HTTP and gets another.
-- user, shown, next, ticket ms, grace ms, role, auth until. OK: the session. SPENT, EXPIRED, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r, why = opened_by(ARGV[6])
if r and r.user ~= ARGV[5] then
  why = 'UNKNOWN'
end
if why then
  return { why, m.revision }
end
give_secret(r, ARGV[7])
r.role, r.auth_until = ARGV[10], tonumber(ARGV[11])
if r.offered == 1 then
  r.offered = 0
  last_until(r, now + ARGV[8])
elseif r.state == 'waiting' and r.holder == '' then
  last_until(r, now + ARGV[9])
end
raise(r)
r.turn = r.version
keep(r)
return put(done('OK'), r)
