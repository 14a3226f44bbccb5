-- restore_begin -- a process is about to tell what the store knows. An instance that is whole is kept, and the process
-- joins its generation; else it begins anew, and lets nobody in for the window, in which others tell what they know.
-- generation to begin anew with, number, window ms, capacity, drain, maintenance. OK: the generation.
local why, newer = fault()
if newer then
  return { 'UNAVAILABLE', 0, why }
end
if why then
  call('UNLINK', unpack(KEPT))
  for i = NUMBERS, #FIELDS do
    m[FIELDS[i]], was[FIELDS[i]] = 0, -1
  end
  m.generation, m.room_next, m.opening = ARGV[5], 1, now + ARGV[7]
  call('HSET', META, 'layout', LAYOUT, 'generation', m.generation, 'server', ARGV[3])
end
if m.used == 0 then
  m.capacity, m.drain, m.maintenance = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
end
m.number = math.max(m.number, tonumber(ARGV[6]))
local answer = done('OK')
answer[3] = m.generation
return answer
