from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.report.notebook_page import notebook_html
from mathb_kit.report.notebooks import find_notebook, parameter_names, run_notebook

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((CHECKOUT / "notebooks").glob("[0-9]*.py"))

DEMO = """# %% [markdown]
# # Demo, see the [README](../README.md)

# %% tags=["parameters"]
size: int = 2  # how many
label = "a"

# %%
import os, sys
print(sys.executable, os.environ["IPYTHONDIR"], label)
print("halfway", file=sys.stderr)

# %%
if size > 9:
    rest = 10 / (size - size)
"""


def check_paired(script: Path) -> None:
    """MathbError unless a notebook beside the script has the same cells, no outputs and no execution counts."""
    path = script.with_suffix(".ipynb")
    if not path.is_file():
        raise MathbError(f"{script} has no notebook {path.name} beside it; run: jupytext --sync {script.name}.")
    cells, source = nbformat.read(path, as_version=4).cells, jupytext.read(script, fmt="py:percent").cells
    for number, cell in enumerate(cells, 1):
        if cell.get("outputs") or cell.get("execution_count"):
            raise MathbError(f"{path}, cell {number} holds outputs; run: jupyter nbconvert --clear-output {path.name}")
    essence, same = ([(c.cell_type, c.source, c.metadata.get("tags", [])) for c in each] for each in (cells, source))
    if essence != same:
        raise MathbError(f"{script.name} and {path.name} differ; run: jupytext --sync {script.name}.")


def test_folders_that_are_named_relative_to_the_caller_are_found_by_the_kernel(tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    script = tmp_path / "where.py"
    script.write_text(DEMO.split("# %%\n")[0] + "# %%\nimport os\nassert os.path.isdir(os.environ['MATHB_DATA_DIR'])\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATHB_DATA_DIR", "mirror")
    run_notebook(script, {}, tmp_path / "elsewhere")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    script = tmp_path / "demo.py"
    script.write_text(DEMO)
    return script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_notebook_is_paired_free_of_outputs_and_has_the_common_parameters(script):
    check_paired(script)
    assert {"profile", "quick"} <= set(parameter_names(script))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_formula_of_a_notebook_is_drawn_on_its_page(script, tmp_path):
    notebook = jupytext.read(script)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    nbformat.write(notebook, tmp_path / "texts.ipynb")
    page = notebook_html(tmp_path / "texts.ipynb")
    text = re.sub(r"<(pre|code|style|annotation)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert "$" not in text


def test_a_run_uses_this_interpreter_and_nothing_of_the_users_home(demo, tmp_path, monkeypatch, capfd):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    executed = run_notebook(demo, {"label": "b"}, tmp_path / "out")
    assert executed == tmp_path / "out" / "demo.ipynb"
    text = "".join(
        output.get("text", "") for cell in nbformat.read(executed, 4).cells for output in cell.get("outputs", [])
    )
    interpreter, profile, label = text.split("\n")[0].split(" ")
    assert (interpreter, label) == (sys.executable, "b")
    assert not Path(profile).is_relative_to(tmp_path / "home")
    assert "<h1" in executed.with_suffix(".html").read_text()
    progress = capfd.readouterr().err
    assert re.search(r"demo: cell 1/4, 0:\d\d\n", progress) and "cell 4/4" in progress and "halfway\n" in progress
    assert demo.read_text() == DEMO and "JUPYTER_PATH" not in os.environ


def test_links_out_of_the_folder_lead_to_the_same_file_from_where_the_executed_notebook_lies(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / "notebooks" / "demo.py").write_text(DEMO)
    executed = run_notebook(tmp_path / "notebooks" / "demo.py", {}, tmp_path / "runs" / "mini" / "notebooks")
    (target,) = re.findall(r'href="([^"#]*README.md)"', executed.with_suffix(".html").read_text())
    assert (executed.parent / target).resolve() == tmp_path / "README.md"


def test_every_cell_that_draws_shows_its_figure(demo, tmp_path):
    draw = 'mb.plot_pass_at_k(pd.DataFrame({"k": [1, 2], "estimate": [0.1, 0.2], "who": "a"}), by="who");'
    demo.write_text(f"{demo.read_text()}\n# %%\nimport pandas as pd\nimport mathb_kit as mb\n{draw}\n# %%\n{draw}\n")
    executed = json.loads(run_notebook(demo, {}, tmp_path / "out").read_text())
    pictures = [
        sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for cell in executed["cells"]
        if "plot_pass_at_k" in "".join(cell["source"])
    ]
    assert pictures == [1, 1]


def test_an_unknown_parameter_is_refused_before_anything_runs(demo, tmp_path):
    with pytest.raises(MathbError, match=r"no parameter 'siez' \(did you mean size\?\); it takes size, label"):
        run_notebook(demo, {"siez": 1}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failing_cell_is_named_and_what_ran_is_kept(demo, tmp_path):
    with pytest.raises(MathbError, match=r"code cell 4 of 4 \(`rest = 10 .*`\): ZeroDivisionError: division by zero"):
        run_notebook(demo, {"size": 10}, tmp_path / "out")
    assert "halfway" in (tmp_path / "out" / "demo.ipynb").read_text()
    assert "ZeroDivisionError" in (tmp_path / "out" / "demo.html").read_text()


def test_a_dead_kernel_is_an_error_not_a_hang(demo, tmp_path):
    demo.write_text(DEMO.replace("rest = 10 / (size - size)", "os._exit(9)"))
    with pytest.raises(MathbError, match="lost its kernel at code cell 4 of 4"):
        run_notebook(demo, {"size": 10}, tmp_path / "out")


def test_notebooks_are_found_by_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for script in SCRIPTS:
        assert find_notebook(script.stem) == script
    with pytest.raises(MathbError, match=rf"did you mean {SCRIPTS[0].stem}\?"):
        find_notebook(SCRIPTS[0].stem + "s")
    with pytest.raises(MathbError, match="no notebook script missing.py"):
        find_notebook("missing.py")


def test_a_notebook_without_its_parameters_cell_is_refused(demo):
    demo.write_text(DEMO.replace(' tags=["parameters"]', ""))
    with pytest.raises(MathbError, match="0 cells with the tag 'parameters'"):
        parameter_names(demo)


def test_drift_and_outputs_between_script_and_notebook_are_found(demo):
    with pytest.raises(MathbError, match=r"no notebook demo\.ipynb beside it; run: jupytext --sync"):
        check_paired(demo)
    paired = demo.with_suffix(".ipynb")
    jupytext.write(jupytext.read(demo, fmt="py:percent"), paired)
    check_paired(demo)
    notebook = nbformat.read(paired, 4)

    for edit in (
        lambda nb: nb.cells[-1].update(source="pass"),
        lambda nb: nb.cells[1].metadata.update(tags=[]),
        lambda nb: nb.cells.pop(),
    ):
        changed = nbformat.from_dict(notebook)
        edit(changed)
        nbformat.write(changed, paired)
        with pytest.raises(MathbError, match="differ"):
            check_paired(demo)
        notebook = jupytext.read(demo, fmt="py:percent")

    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="x")]
    nbformat.write(notebook, paired)
    with pytest.raises(MathbError, match="cell 3 holds outputs"):
        check_paired(demo)
