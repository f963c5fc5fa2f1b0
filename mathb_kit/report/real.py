"""``mathb reproduce real``: real models that others sampled, judged beside their null; nothing is sampled."""

from __future__ import annotations

import time
from pathlib import Path

from mathb_kit.places import run_root
from mathb_kit.real import path_of, real_sources
from mathb_kit.report.folders import real_figures_folder
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import every_caption_says, write_pictures

NOTEBOOK = "10_real_models"


def redraw_real() -> Path:
    """Run the notebook over the counts, and say where everything is.

    Returns:
        The executed notebook.

    Raises:
        MathbError: counts that are not here, a notebook that failed, or a caption that does not name where its
            numbers were sampled.
    """
    started = time.monotonic()
    for name in real_sources():
        path_of(name)  # before a kernel starts: what is missing is one sentence
    folder = real_figures_folder()
    executed = run_notebook(NOTEBOOK, {"profile": "real"}, run_root("real") / "notebooks")
    every_caption_says(folder, "sampled elsewhere", "its numbers were sampled elsewhere; put the source's note into it")
    page = write_pictures(
        "Real models beside their null", folder, [executed], run_root("real") / "index.html",
        note="Real models, sampled elsewhere by the people named in each caption; nothing was sampled here.",
    )  # fmt: skip
    print(f"Done in {time.monotonic() - started:.0f} s. Executed notebook: {executed.with_suffix('.html')}")
    print(f"Figures and their tables: {folder}\nAll of it on one page: {page}")
    return executed


def price_of_real() -> str:
    """What the call costs, in words."""
    lines = ["real: no attempts, no tokens, two minutes on one core", "  reads, from real_counts/ of MATHB_DATA_DIR:"]
    files = [f"  {each.file}: {each.what} ({each.who}; {each.licence})" for each in real_sources().values()]
    return "\n".join([*lines, *files])
