-- set_switches -- capacity, drain, maintenance. OK.
local refusal = refused()
if refusal then
  return refusal
end
m.capacity, m.drain, m.maintenance = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
return done('OK')
