local commands = {}
function commands.names() return {} end
return commands
