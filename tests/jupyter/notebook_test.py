"""Runs a notebook with the Apsis kernel through nbconvert, as HTML and as an executed notebook: see README.md.

The notebook stays in the folder given as the argument (default: one that is removed), to be looked at.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
APSIS = os.environ.get("APSIS", str(ROOT / "build" / "apsis"))

CELLS = [
    ("markdown", "# Fitting a line\nA notebook that the Apsis kernel runs."),
    ("code", "ap.manual_seed(1)\nlocal x = ap.linspace(0, 1, 50)\nlocal y = x * 3 + 0.5 + ap.randn(50) * 0.1\nx:size()"),
    ("code", "local model = nn.Linear(1, 1)\nlocal opt = optim.SGD(model:parameters(), {lr = 0.5})\nlocal losses = {}\n"
             "for i = 1, 100 do\n  opt:zero_grad()\n  local loss = F.mse_loss(model(x:unsqueeze(2)), y:unsqueeze(2))\n"
             "  loss:backward()\n  opt:step()\n  losses[i] = loss:item()\n"
             "  if i % 25 == 0 then print(('step %3d  loss %.4f'):format(i, losses[i])) end\nend\nmodel"),
    ("code", "plot(losses, {title = 'loss', xlabel = 'step'})"),
    ("code", "plot(x, model(x:unsqueeze(2)):squeeze(2), {label = 'fit'}):scatter(x, y, {label = 'data'})"),
    ("code", "ap.stack({x, y}, 2)"),
    ("code", "imshow(ap.outer(x, x):sin())"),
    ("code", "io.stderr:write 'a warning\\n'\ndisplay(ap.eye(3))\n{a = 1, b = {2, 3}}, 'text'"),
    ("code", "model(ap.ones(2, 3))"),
]
EXPECTED = [
    ("execute_result", "text/plain"), ("stream", "stdout"), ("execute_result", "image/svg+xml"),
    ("execute_result", "image/png"), ("execute_result", "text/html"), ("execute_result", "image/png"),
    ("display_data", "text/html"), ("error", "linear"),
]


def notebook():
    cells = []
    for i, (kind, source) in enumerate(CELLS):
        cell = {"cell_type": kind, "id": f"cell{i}", "metadata": {}, "source": source}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"name": "apsis", "display_name": "Apsis", "language": "lua"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def main():
    with tempfile.TemporaryDirectory() as data:
        folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else data)
        subprocess.run([APSIS, "kernel", "install", "--prefix", data], check=True, stdout=subprocess.DEVNULL)
        os.environ["JUPYTER_PATH"] = os.path.join(data, "share", "jupyter")
        path = folder / "line.ipynb"
        path.write_text(json.dumps(notebook()))
        convert = [sys.executable, "-m", "nbconvert", "--allow-errors", "--execute", str(path)]
        subprocess.run([*convert, "--to", "notebook", "--inplace"], check=True)
        subprocess.run([*convert, "--to", "html"], check=True)
        done = json.loads(path.read_text())
        outputs = [c["outputs"] for c in done["cells"] if c["cell_type"] == "code"]
        for wanted, found in zip(EXPECTED, outputs, strict=True):
            text = json.dumps([o for o in found if o["output_type"] == wanted[0]])
            assert wanted[1] in text, (wanted, found)
        assert "image/svg+xml" in (folder / "line.html").read_text()
        print(f"{len(outputs)} cells are as expected")


if __name__ == "__main__":
    main()
