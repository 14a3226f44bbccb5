-- leave -- ends a session.
-- session, turn (-1: any; 0: only if nobody ever held it or showed its secret). OK: the state before, the session.
-- STALE, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r, turn = load(ARGV[5]), tonumber(ARGV[6])
if not r then
  return { 'UNKNOWN', m.revision }
elseif turn ~= -1 and turn ~= r.turn then
  return { 'STALE', m.revision }
end
local before = r.state
finish(r, 'S')
local answer = done('OK')
answer[3] = before
return put(answer, r)
