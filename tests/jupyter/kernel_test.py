"""jupyter_kernel_test's suite over the Apsis kernel: see README.md beside this file.

Run it as `python kernel_test.py` with APSIS naming the program (build/apsis by default) in an environment that has
jupyter_kernel_test. The kernel is installed into a folder of its own, so that nothing of the user's is touched.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
APSIS = os.environ.get("APSIS", str(ROOT / "build" / "apsis"))

data = tempfile.TemporaryDirectory()
subprocess.run([APSIS, "kernel", "install", "--prefix", data.name], check=True, stdout=subprocess.DEVNULL)
os.environ["JUPYTER_PATH"] = os.path.join(data.name, "share", "jupyter")

import jupyter_kernel_test  # noqa: E402: it reads JUPYTER_PATH


class Kernel(jupyter_kernel_test.KernelTests):
    kernel_name = "apsis"
    language_name = "lua"
    file_extension = ".lua"

    code_hello_world = "print 'hello, world'"
    code_stderr = "io.stderr:write 'a warning\\n'"
    completion_samples = [
        {"text": "ap.cums", "matches": {"cumsum", "cumsum_"}},
        {"text": "string.rep", "matches": {"rep"}},
        {"text": "local x = ap.ones(2) x:matm", "matches": set()},
        {"text": "for i = 1, 2 do pri", "matches": {"print"}},
    ]
    complete_code_samples = ["1 + 1", "x = 5", "for i = 1, 2 do\nend", "print 'é'", "%time 1 + 1", ""]
    incomplete_code_samples = ["for i = 1, 2 do", "f(1,", "s = [[a", "function f()\n  return 1"]
    invalid_code_samples = ["x = = 1", "end", "1 +* 2", "'unfinished"]
    code_page_something = "?ap.sum"
    code_generate_error = "error 'boom'"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "'text', nil", "result": '"text"\tnil'},
        {"code": "ap.ones(2)", "mime": "text/html"},
        {"code": "6 * 7 ", "result": "42"},
        {"code": "plot({1, 2, 3})", "mime": "image/svg+xml"},
        {"code": "plot({1, 2, 3}) ", "mime": "image/png"},
        {"code": "6 * 7  ", "result": "42"},
    ]
    code_display_data = [
        {"code": "require 'apsis.jupyter'.display(ap.eye(3))", "mime": "text/html"},
        {"code": "require 'apsis.jupyter'.display(imshow(ap.eye(3)))", "mime": "image/png"},
    ]
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "ap.sum"
    code_clear_output = "require 'apsis.jupyter'.clear_output()"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "apsis"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
