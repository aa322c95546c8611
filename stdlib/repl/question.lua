-- Questions: ?name and name? show help, ??name and name?? a source, ? alone what help there is.

local question = {}

--- The name that a text asks for; nil where it is no question.
---@param text string
---@return string|nil name "" for ? alone
---@return boolean|nil wants_source
function question.parse(text)
  if not text:find("?", 1, true) or text:find("\n", 1, true) then return nil end
  local marks, name = text:match "^%s*(%?%??)%s*([^?]-)%s*$"
  if not marks then name, marks = text:match "^%s*([%a_][%w_.:%[%]\"']*)%s*(%?%??)%s*$" end
  if not marks then return nil end
  return name, marks == "??"
end

--- Answers one.
---@param session Session
---@param name string
---@param wants_source boolean
function question.answer(session, name, wants_source)
  local help = require "apsis.help"
  if name == "" then return help.show(session) end
  return (wants_source and help.show_source or help.show)(session, name)
end

return question
