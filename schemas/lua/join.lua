-- join -- a process takes part in an instance that others have restored, and has nothing to tell of it. OK: the generation.
local why, newer = fault()
if why == nil and m.used == 0 then
  why = 'nobody has restored it'
end
if why then
  return { newer and 'UNAVAILABLE' or 'LOST', 0, why }
end
return { 'OK', m.revision, m.generation }
