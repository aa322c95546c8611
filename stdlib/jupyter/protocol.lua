-- The Jupyter messaging protocol, as the kernel program's socket thread speaks it (vm/jupyter/serve.c): which message
-- is answered with which, what waits for what. Cells are run by another thread with an interpreter of its own
-- (apsis.jupyter.kernel); the contents of its messages pass through here as text.
--
-- Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html

local json = require "apsis.jupyter.json"

local protocol = {}

local host = rawget(_G, "(host)") -- send, answer, interrupt, shutdown, now, log, session, version
rawset(_G, "(host)", nil)

local VERSION = "5.4"
local SHELL, CONTROL, INPUT, IOPUB = 0, 1, 2, 3 -- as vm/jupyter/kernel.h counts them

-- Requests that the other interpreter answers. All others on the shell channel keep their place in the queue too.
local WORK = {execute_request = true, complete_request = true, inspect_request = true, is_complete_request = true,
  history_request = true}

local queue, first, newest = {}, 1, 0 -- requests of the shell channel that wait, at first ... newest
local running = nil        -- the one that the other thread is at
local last = nil           -- the newest that produced output
local idle = false         -- the other thread waits for work
local asking = nil         -- an input_request without its reply
local ending = false

-- --- messages ----------------------------------------------------------------------------------------------------

local count = 0

local function send(channel, identities, kind, parent, content)
  count = count + 1
  local header = {msg_id = ("%s_%d"):format(host.session, count), session = host.session, username = "kernel",
    date = host.now(), msg_type = kind, version = VERSION}
  if type(content) == "table" then content = json.encode(content) end
  host.send(channel, identities, json.encode(header), parent, "{}", content)
end

-- One identity, as wire.c packs them.
local function packed(identity) return string.pack("=s4", identity) end

local function publish(kind, parent, content)
  send(IOPUB, packed(("kernel.%s.%s"):format(host.session, kind)), kind, parent, content)
end

local function status(request, state) publish("status", request.header, {execution_state = state}) end

local function reply(request, content)
  send(request.channel, request.identities, (request.kind:gsub("_request$", "_reply")), request.header, content)
end

-- --- what this thread answers by itself --------------------------------------------------------------------------

local function kernel_info()
  return {
    status = "ok", protocol_version = VERSION, implementation = "apsis", implementation_version = host.version,
    banner = ("Apsis %s, %s. ap, nn, F, optim and data are loaded; display(x) shows a value."):format(host.version,
      _VERSION),
    language_info = {
      name = "lua", version = _VERSION:match "[%d.]+", mimetype = "text/x-lua", file_extension = ".lua",
      pygments_lexer = "lua", codemirror_mode = "lua", nbconvert_exporter = "script",
    },
    help_links = json.array {{text = "Lua 5.4 manual", url = "https://www.lua.org/manual/5.4/"}},
    debugger = false, supported_features = json.array {},
  }
end

local answers = {}

function answers.kernel_info_request(request) reply(request, kernel_info()) end

-- No comms: there is no target that could be opened, so an opened one is closed at once.
function answers.comm_info_request(request) reply(request, {status = "ok", comms = {}}) end

function answers.comm_open(request)
  local id = request.content.comm_id
  if type(id) == "string" then publish("comm_close", request.header, {comm_id = id, data = {}}) end
end

function answers.comm_msg() end
answers.comm_close = answers.comm_msg

function answers.interrupt_request(request)
  if running then host.interrupt() end
  if asking then
    asking = nil
    host.answer("interrupted", "")
  end
  reply(request, {status = "ok"})
end

function answers.shutdown_request(request)
  local content = {status = "ok", restart = request.content.restart == true}
  reply(request, content)
  publish("shutdown_reply", request.header, content)
  protocol.leave()
end

-- --- the queue ---------------------------------------------------------------------------------------------------

local function answer(request)
  status(request, "busy")
  answers[request.kind](request)
  status(request, "idle")
end

-- Goes on with the requests that wait, as far as the other thread is free.
local function go_on()
  while idle and not ending and queue[first] do
    local request = queue[first]
    queue[first], first = nil, first + 1
    if WORK[request.kind] then
      status(request, "busy")
      running, last, idle = request, request, false
      host.answer(request.kind, request.text)
    else
      answer(request)
    end
  end
end

-- A cell failed: those that wait are not run.
local function abort()
  local kept = {}
  for i = first, newest do
    local request = queue[i]
    if request.kind == "execute_request" then
      status(request, "busy")
      reply(request, {status = "aborted"})
      status(request, "idle")
    else
      kept[#kept + 1] = request
    end
  end
  queue, first, newest = kept, 1, #kept
end

--- The program ends: now where nothing runs, else when what runs has stopped.
function protocol.leave()
  ending = true
  host.shutdown()
  if asking then
    asking = nil
    host.answer("interrupted", "")
  elseif idle then
    idle = false
    host.answer("end", "")
  end
end

-- --- what comes in -----------------------------------------------------------------------------------------------

local function decode(text, what)
  local ok, value = pcall(json.decode, text)
  if not ok then error(("%s: %s"):format(what, value), 0) end
  if type(value) ~= "table" then error(what .. " is no object", 0) end
  return value
end

-- The request that a message's parts make; an error where they make none.
local function request_of(channel, identities, header, content)
  local fields = decode(header, "the header")
  if type(fields.msg_type) ~= "string" or type(fields.msg_id) ~= "string" then
    error("the header has no msg_type or msg_id", 0)
  end
  return {channel = channel, identities = identities, header = header, id = fields.msg_id, kind = fields.msg_type,
    content = decode(content, "the content"), text = content}
end

local function take_input(request)
  if request.kind ~= "input_reply" or not asking then return end
  local value = request.content.value
  asking = nil
  host.answer("line", type(value) == "string" and value or "")
end

--- A message from a front end, its signature being right.
function protocol.received(channel, identities, header, _, _, content)
  local ok, request = pcall(request_of, channel, identities, header, content)
  if not ok then return host.log("a message was ignored: " .. tostring(request)) end
  if channel == INPUT then return take_input(request) end
  if not answers[request.kind] and not (channel == SHELL and WORK[request.kind]) then
    return host.log(("a message was ignored: its type '%s' is not known"):format(json.utf8(request.kind)))
  end
  if channel == CONTROL then return answer(request) end
  newest = newest + 1
  queue[newest] = request
  go_on()
end

--- A front end listens from now on.
function protocol.subscribed(topic)
  send(IOPUB, packed(topic), "iopub_welcome", "{}", {subscription = topic})
end

--- Output: of the cell that runs, or of what an earlier one left running.
function protocol.wrote(name, text)
  publish("stream", last and last.header or "{}", {name = name, text = text})
end

local questions = {}

function questions.ready()
  publish("status", "{}", {execution_state = "starting"})
end

function questions.done(content, how)
  local request = running
  running = nil
  reply(request, content)
  status(request, "idle")
  if how == "abort" then abort() end
end

-- A message to all; the other thread goes on when it is sent.
function questions.publish(kind, content)
  publish(kind, last and last.header or "{}", content)
  host.answer("sent", "")
end

-- A line of input, from the front end that runs the cell.
function questions.input()
  if ending then return host.answer("interrupted", "") end
  if not running or running.content.allow_stdin ~= true then return host.answer("refused", "") end
  asking = running
  send(INPUT, running.identities, "input_request", running.header, {prompt = "", password = false})
end

--- The other thread asks: for work, having started or done some; for a line of input; for a message to be sent.
function protocol.asked(what, ...)
  questions[what](...)
  if what ~= "ready" and what ~= "done" then return end
  idle = true
  if ending then
    idle = false
    return host.answer("end", "")
  end
  go_on()
end

--- What a connection file says.
---@param text string
---@return string ... the addresses of shell, control, stdin, iopub and heartbeat, then the key
function protocol.open(text)
  local file = decode(text, "the connection file")
  local transport, ip = file.transport or "tcp", file.ip or "127.0.0.1"
  local scheme, key = file.signature_scheme or "hmac-sha256", file.key or ""
  if type(key) ~= "string" then error("the connection file's key is no string", 0) end
  if key ~= "" and scheme ~= "hmac-sha256" then
    error(("the connection file asks for the signature scheme '%s'; this kernel knows hmac-sha256"):format(
      tostring(scheme)), 0)
  end
  local function address(name)
    local port = math.tointeger(file[name .. "_port"])
    if not port then error(("the connection file has no %s_port"):format(name), 0) end
    return ("%s://%s%s%d"):format(transport, ip, transport == "tcp" and ":" or "-", port)
  end
  return address "shell", address "control", address "stdin", address "iopub", address "hb", key
end

return protocol
