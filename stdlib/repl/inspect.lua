local inspect = {}
function inspect.help() print(require("apsis.repl.commands").summary()) end
return inspect
