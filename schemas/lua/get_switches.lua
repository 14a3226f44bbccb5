-- get_switches -- OK: capacity, drain, maintenance.
local refusal = refused()
if refusal then
  return refusal
end
return { 'OK', m.revision, m.capacity, m.drain, m.maintenance }
