-- drop -- the connection of that turn is gone.
-- session, turn, grace ms. OK: the session. STALE, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(ARGV[5])
if not r then
  return { 'UNKNOWN', m.revision }
elseif r.holder == '' or r.turn ~= tonumber(ARGV[6]) then
  return { 'STALE', m.revision }
end
release(r)
if r.state ~= 'connecting' then
  if r.state == 'active' then
    move(r, 'grace')
  end
  last_until(r, now + ARGV[7])
end
raise(r)
keep(r)
return put(done('OK'), r)
