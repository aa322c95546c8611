-- data.read_idx and data.read_csv: the core's readers (see their documentation there).

local formats = require("apsis.core").formats

return {read_idx = formats.read_idx, read_csv = formats.read_csv}
