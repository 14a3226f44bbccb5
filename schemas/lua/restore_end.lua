-- restore_end -- the process has told all that it knows.
-- generation that was begun. OK.
local refusal = refused(ARGV[5])
if refusal then
  return refusal
end
m.used = 1
return done('OK')
