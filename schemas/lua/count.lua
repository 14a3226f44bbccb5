-- count -- OK: connecting, active, grace, waiting, version.
local refusal = refused()
if refusal then
  return refusal
end
return { 'OK', m.revision, m.connecting, m.active, m.grace, m.waiting, m.version }
