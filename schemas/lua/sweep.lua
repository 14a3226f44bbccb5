-- sweep -- one change that time has brought.
-- silent ms, grace ms. OK: why (TICKET, OFFER, GRACE, HOLDER), the session. UNKNOWN: nothing is due.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(call('ZRANGEBYSCORE', DEADLINES, '-inf', now, 'LIMIT', 0, 1)[1])
if r then
  local why = r.state ~= 'connecting' and 'GRACE' or r.offered == 1 and 'OFFER' or 'TICKET'
  finish(r, 'E')
  local answer = done('OK')
  answer[3] = why
  return put(answer, r)
end

-- What the silent hold, and have held for so long. A silent holder of nothing is forgotten.
local silent = now - ARGV[5]
local function held_by(holder)
  local from, none = '[' .. holder .. '\0', true
  repeat
    local members = call('ZRANGEBYLEX', HELD, from, '(' .. holder .. '\1', 'LIMIT', 0, 64)
    for _, member in ipairs(members) do
      none = false
      local held = load(string.sub(member, #holder + 2))
      if held.taken <= silent then
        return held
      end
      from = '(' .. member
    end
  until #members == 0
  return nil, none
end

local forgotten = false
for _, holder in ipairs(call('ZRANGEBYSCORE', HOLDERS, '-inf', silent)) do
  local none
  r, none = held_by(holder)
  if r then
    break
  elseif none then
    m.holders = m.holders - call('ZREM', HOLDERS, holder)
    forgotten = true
  end
end
if not r then
  return forgotten and done('UNKNOWN') or { 'UNKNOWN', m.revision }
end
release(r)
if r.state == 'active' then
  move(r, 'grace')
end
if r.state ~= 'connecting' then
  last_until(r, now + ARGV[6])
end
raise(r)
keep(r)
local answer = done('OK')
answer[3] = 'HOLDER'
return put(answer, r)
