-- touch -- a sign of life of one who waits without a watcher.
-- session, grace ms. OK, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(ARGV[5])
if not r or r.state ~= 'waiting' or r.holder ~= '' or due(r) then
  return { 'UNKNOWN', m.revision }
end
last_until(r, now + ARGV[6])
keep(r)
return done('OK')
