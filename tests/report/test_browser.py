"""What a person sees: JupyterLab and the pages of a run in a real, headless browser. Screenshots are kept.

``MATHB_RUNS`` may name runs whose store saves the sampling; it is copied.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest
from browser import CHROMIUM, Browser, JupyterLab

from mathb_kit.places import run_root
from mathb_kit.profiles import load_profile
from mathb_kit.report.folders import figures_folder
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import write_page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GIVEN_RUNS = os.environ.get("MATHB_RUNS")
FIRST = "01_base_model_saturation"
VIEW = "application/vnd.jupyter.widget-view+json"
WIDGETS = """# %% [markdown]
# # Widgets

# %% tags=["parameters"]
attempts: int = 16

# %%
import pandas as pd

import mathb_kit as mb
from mathb_kit.widgets import browse_completions, slide_k

problems = mb.load_problems("mini-math")[:6]
runs = [mb.evaluate(mb.get_model(f"mini-base-{i}"), problems, mb.Plan.fixed(attempts)) for i in (1, 2)]
curves = mb.pass_at_k_curve(pd.concat([run.outcomes for run in runs]), [1, 2, 4, 8, 16], by=["name"])
slide_k(curves, title="six problems of mini-math")

# %%
browse_completions(runs[0])
"""

NOTEBOOK = "window.notebook"  # for scripts that run in the page: what `open_notebook` opened last
PROGRESS = f"""
(() => {{
  const cells = {NOTEBOOK}.content.widgets.filter(cell => cell.model.type === "code" && cell.model.sharedModel.source);
  const failed = cells.some(cell => cell.model.outputs.toJSON().some(output => output.output_type === "error"));
  const waiting = cells.filter(cell => cell.model.executionCount === null).length;
  return failed || waiting === 0 && {NOTEBOOK}.context.sessionContext.session.kernel.status === "idle";
}})()
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    if GIVEN_RUNS and Path(GIVEN_RUNS, "store").is_dir():
        shutil.copytree(Path(GIVEN_RUNS, "store"), folder / "store")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterLab shows: a copy of the notebooks, 01 with fewer attempts, and one with the widgets."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, folder)
    first = nbformat.read(folder / f"{FIRST}.ipynb", 4)
    cell = next(cell for cell in first.cells if "parameters" in cell.metadata.get("tags", []))
    assert "quick: bool = False" in cell.source
    cell.source = cell.source.replace("quick: bool = False", "quick: bool = True")
    nbformat.write(first, folder / f"{FIRST}.ipynb")
    jupytext.write(jupytext.reads(WIDGETS, fmt="py:percent"), folder / "widgets.ipynb")
    return folder


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("screenshots")) as browser:
        print(f"screenshots: {browser.folder}")
        yield browser


@pytest.fixture(scope="module")
def lab(root: Path, runs: Path, screen: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with JupyterLab in it, nothing opened yet."""
    environment = {"MATHB_RUNS": str(runs), "MATHB_WIDGETS": "on"}
    with JupyterLab(root, tmp_path_factory.mktemp("home"), environment) as server:
        screen.open(server.address())
        screen.wait("window.jupyterapp !== undefined && window.jupyterapp.restored.then(() => true)")
        yield screen


@pytest.fixture(scope="module")
def first_run(lab: Browser, root: Path) -> nbformat.NotebookNode:
    """01 as the browser ran and saved it."""
    return run_to_the_end(lab, root / f"{FIRST}.ipynb")


def open_notebook(lab: Browser, name: str, kernel: bool) -> None:
    opened = f"window.jupyterapp.commands.execute('docmanager:open', {{path: {name!r}}})"
    lab.run(f"{opened}.then(widget => ({NOTEBOOK} = widget).context.ready).then(() => true)")
    lab.wait(f"window.jupyterapp.shell.currentWidget === {NOTEBOOK}")
    # A notebook that names no kernel makes JupyterLab ask for one.
    status = f"{NOTEBOOK}.context.sessionContext.session?.kernel?.status"
    if lab.wait(f"document.querySelector('.jp-Dialog-header')?.textContent || {status} === 'idle'") == "Select Kernel":
        lab.click(f"document.querySelector('.jp-Dialog button.jp-mod-{'accept' if kernel else 'reject'}')")
        lab.wait("!document.querySelector('.jp-Dialog')")


def run_to_the_end(lab: Browser, path: Path) -> nbformat.NotebookNode:
    open_notebook(lab, path.name, kernel=True)
    lab.wait(f"{NOTEBOOK}.context.sessionContext.session?.kernel?.status === 'idle'")
    lab.run("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    lab.wait(PROGRESS, 600)
    lab.screenshot(f"{path.stem}_end")
    lab.run("window.jupyterapp.commands.execute('docmanager:save').then(() => true)")
    return nbformat.read(path, 4)


def assert_nothing_went_wrong(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source:
            assert cell.execution_count, cell.source
            assert not [output for output in cell.outputs if output.output_type == "error"], cell.source


def test_jupyterlab_opens_every_notebook(lab, root):
    names = sorted(path.name for path in root.glob("*.ipynb"))
    assert f"{FIRST}.ipynb" in names
    for name in names:
        cells = nbformat.read(root / name, 4).cells
        open_notebook(lab, name, kernel=False)
        assert lab.run(f"{NOTEBOOK}.content.widgets.length") == len(cells)
        title = cells[0].source.splitlines()[0].removeprefix("# ")
        lab.wait(f"{NOTEBOOK}.node.querySelector('.jp-RenderedMarkdown h1')?.innerText === {json.dumps(title)}")
        # Cells below the window are drawn when somebody scrolls to them.
        drawn = f"[...{NOTEBOOK}.node.querySelectorAll('.jp-Cell')]"
        lab.wait(f"{drawn}.length === {len(cells)} || {drawn}.at(-1).getBoundingClientRect().bottom > innerHeight")
        line = next(cell for cell in cells if cell.cell_type == "code").source.splitlines()[0]
        lab.wait(f"{NOTEBOOK}.node.querySelector('.jp-CodeCell .cm-line')?.textContent === {json.dumps(line)}")
        assert lab.run("document.querySelectorAll('.jp-Dialog, .Toastify__toast--error').length") == 0
        lab.screenshot(f"{Path(name).stem}_opened")
        lab.run(f"void {NOTEBOOK}.dispose()")
    lab.run("window.jupyterapp.serviceManager.sessions.shutdownAll().then(() => true)")


def test_the_first_notebook_runs_to_its_end(lab, first_run):
    assert_nothing_went_wrong(first_run)
    shown = {"image/png": ".jp-RenderedImage img", VIEW: ".jupyter-widgets"}
    outputs = [(place, output) for place, cell in enumerate(first_run.cells) for output in cell.get("outputs", [])]
    places = [(place, shown[kind]) for place, output in outputs for kind in shown if kind in output.get("data", {})]
    assert len(places) >= 2
    for place, element in places:
        lab.run(f"{NOTEBOOK}.content.scrollToItem({place}, 'start').then(() => true)")
        found = f"{NOTEBOOK}.content.widgets[{place}].node.querySelector('{element}')"
        lab.wait(f"{found}?.getBoundingClientRect().width > 0 && (!{found}.matches('img') || {found}.naturalWidth > 0)")
        lab.screenshot(f"{FIRST}_cell_{place}")


def test_the_widgets_move_and_what_they_show_changes(lab, root):
    assert_nothing_went_wrong(run_to_the_end(lab, root / "widgets.ipynb"))
    shown = f"{NOTEBOOK}.node.querySelectorAll('.widget-html-content, .widget-htmlmath-content')"
    lab.wait(f"{shown}.length === 2 && {shown}[0].innerText.includes('pass@1:')")
    before = lab.run(f"{shown}[0].querySelector('img').src")
    lab.run(f"{NOTEBOOK}.node.querySelector('.noUi-handle').focus()")
    lab.key("ArrowRight", 39)
    lab.wait(f"{shown}[0].innerText.includes('pass@2:') && !{shown}[0].innerText.includes('pass@1:')")
    assert lab.run(f"{shown}[0].querySelector('img').src") != before
    lab.key("End", 35)
    lab.wait(f"{shown}[0].innerText.includes('pass@16:')")

    lab.wait(f"{shown}[1].innerText.includes('Attempt 1 (1 of 16)')")
    lab.click(f"[...{NOTEBOOK}.node.querySelectorAll('button.widget-button')].find(each => each.innerText === 'next')")
    lab.wait(f"{shown}[1].innerText.includes('Attempt 2 (2 of 16)')")
    choice = f"{NOTEBOOK}.node.querySelectorAll('.widget-dropdown select')[1]"
    lab.run(f"{choice}.value = 'wrong'; {choice}.dispatchEvent(new Event('change', {{bubbles: true}}))")
    lab.wait(f"/that are wrong.*verdict wrong/.test({shown}[1].innerText)")
    lab.wait(f"{shown}[1].querySelector('mjx-container') !== null")  # the statement's mathematics is drawn
    assert lab.run(f"{shown}[1].querySelector('pre mjx-container') === null")  # and nothing of a completion
    lab.screenshot("widgets_moved")
    server = lab.run("location.host")
    assert not [address for address in lab.requests if server not in address]


def test_the_pages_of_a_run_need_no_network_and_complain_of_nothing(first_run, runs, root, screen, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(runs))
    study = load_profile("mini", quick=True)
    index = write_page(study, figures_folder(study), [], run_root(study.name) / "index.html")
    script = root / "static.py"
    script.write_text(WIDGETS)
    executed = run_notebook(script, {}, root / "static")
    for page in (index, executed.with_suffix(".html")):
        screen.open("about:blank")
        screen.requests.clear()
        screen.complaints.clear()
        screen.open(page.resolve().as_uri())
        assert screen.requests == [page.resolve().as_uri()]
        assert screen.complaints == []
        assert screen.run("[...document.images].every(image => image.naturalWidth > 0) && document.images.length > 0")
        screen.screenshot(f"{page.stem}_page")
