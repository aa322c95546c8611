-- data.read_idx and data.read_csv: the core's readers (see their documentation there).

local core = require "apsis.core"

return {read_idx = core.read_idx, read_csv = core.read_csv}
