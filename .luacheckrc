std = "lua54"
max_line_length = 120
cache = false
exclude_files = {"build*/"}
-- The prompt and -l put these in the global table; scripts require what they use.
files["tests"] = {read_globals = {"test", "close", "equal", "raises", "golden", "under", "tmpname", "truth"}}
