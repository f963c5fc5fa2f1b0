"""One call of ``mathb reproduce``: run a profile's notebooks in order, and say where everything went."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mathb_kit.lab.make import make_missing
from mathb_kit.models.fetch import fetch_small
from mathb_kit.places import run_root, store_root
from mathb_kit.profiles import load_profile
from mathb_kit.progress import clock
from mathb_kit.report.folders import figures_folder
from mathb_kit.report.notebooks import find_notebook, run_notebook
from mathb_kit.report.page import every_caption_says, write_page
from mathb_kit.report.price import price
from mathb_kit.store import Store


def reproduce(
    call: str = "mini", *, quick: bool = False, from_scratch: bool = False, rehearse: bool = False
) -> list[Path]:
    """Run a profile's notebooks in order and print where figures and executed notebooks are.

    The price comes first. A second run samples nothing anew: notebooks read what the store has.

    Args:
        call: a profile's name or path.
        quick: the profile's smaller version, drawn into ``runs/`` only.
        from_scratch: train the miniature again first, into ``runs/<profile>/checkpoints``, and study those models.
            Checkpoints that an earlier such call finished are kept; remove the folder to train them once more.
        rehearse: act the study out with tiny checkpoints under the models' names, drawn into ``runs/`` only.

    Returns:
        The executed notebooks.

    Raises:
        MathbError: a call that does not exist, a hard set that was not sieved with a base, a notebook that failed, or
            a rehearsal with a figure that does not say that it is one.
    """
    profile = load_profile(call, quick, rehearse)
    scripts = [find_notebook(name) for name in profile.notebooks]
    print(profile.note if rehearse else price(profile), flush=True)
    if not rehearse:
        fetch_small([*profile.bases, *profile.tuned])
    if from_scratch:
        _train_miniature(run_root(profile.name) / "checkpoints")
    profile.check_hard_set()  # before anything is sampled
    started = time.monotonic()
    executed, lines = [], []
    for script in scripts:
        begun = time.monotonic()
        # A relative path would not be found from the kernel's working directory.
        parameters = {"profile": str(Path(call).resolve()) if call.endswith(".toml") else call, "quick": quick}
        if rehearse:
            parameters["rehearse"] = True
        executed.append(run_notebook(script, parameters, run_root(profile.name) / "notebooks"))
        lines.append(f"  {clock(time.monotonic() - begun)}  {executed[-1].with_suffix('.html')}")
    if rehearse:
        _every_caption_says_so(figures_folder(profile))
    print(f"Done in {clock(time.monotonic() - started)}. Executed notebooks, each with its .ipynb beside it:")
    print(*lines, sep="\n")
    print(f"Figures and their tables: {figures_folder(profile)}")
    page = write_page(profile, figures_folder(profile), executed, run_root(profile.name) / "index.html")
    print(f"All of it on one page: {page}")
    attempts, tokens = Store().totals()
    print(f"Sampled so far, by all calls: {attempts:,} attempts, {tokens / 1e6:.1f} million tokens ({store_root()})")
    return executed


def _every_caption_says_so(folder: Path) -> None:
    """A figure of a rehearsal carries the names of real models; nobody may take it for one of theirs."""
    every_caption_says(folder, "REHEARSAL", "it is a rehearsal; put study.note into its caption")


def _train_miniature(folder: Path) -> None:
    """Make every checkpoint that is not in ``folder`` yet, and let models (here and in kernels) come from there."""
    make_missing(folder)
    os.environ["MATHB_CHECKPOINTS"] = str(folder.resolve())
    print(f"Retrained checkpoints: {folder}")
