"""``mathb reproduce verifiers``: run the frameworks, then notebook 04 over what they said."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from mathb_kit.places import verifiers_root
from mathb_kit.profiles import load_profile
from mathb_kit.progress import clock
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import write_pictures
from mathb_kit.results import StudyResults
from mathb_kit.verifiers import comparison_rows, load_catalogue, run_verifiers

NOTEBOOK = "04_verifiers_under_the_lens"


def compare_verifiers(only: Collection[str] = (), *, quick: bool = False) -> Path:
    """Make the environments, run the verifiers over the rows, and draw the comparison into ``runs/verifiers/``.

    What is done already is not done again: environments, verdicts, the miniature's attempts.

    Args:
        only: names of verifiers or environments; all by default. The others are shown with what they said earlier.
        quick: fewer attempts of the miniature and fewer labelled completions.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no verifier of that name, or a notebook that failed.
    """
    load_catalogue().chosen(only)  # a misspelt name ends here, before minutes of sampling
    print(price_of_verifiers(only), flush=True)
    started = time.monotonic()
    rows = comparison_rows(StudyResults(load_profile("mini", quick=quick)).evaluations(), few=quick)
    sources = rows["source"].value_counts(sort=False)
    print(f"{len(rows):,} rows: " + ", ".join(f"{count:,} {source}" for source, count in sources.items()), flush=True)
    run_verifiers(rows, only)
    executed = run_notebook(NOTEBOOK, {"profile": "mini", "quick": quick}, verifiers_root() / "notebooks")
    page = write_pictures(
        "verifiers compared", verifiers_root() / "figures", [executed], verifiers_root() / "index.html"
    )
    print(f"Done in {clock(time.monotonic() - started)}. Executed notebook: {executed.with_suffix('.html')}")
    print(f"Figures and tables: {verifiers_root() / 'figures'}\nAll of it on one page: {page}")
    return executed


def price_of_verifiers(only: Collection[str] = ()) -> str:
    """What the call costs, in words: environments, disk, time."""
    catalogue = load_catalogue()
    chosen = catalogue.chosen(only)
    environments = {v.environment for v in chosen} & catalogue.environments.keys()
    megabytes = sum(catalogue.environments[name].megabytes for name in environments)
    lines = [
        "verifiers: other people's graders on the same completions",
        f"  {len(chosen)} verifiers: {', '.join(verifier.name for verifier in chosen)}",
        f"  environments: {', '.join(sorted(environments)) or 'none'}; {megabytes / 1000:.1f} GB on disk",
        "  on two cores up to 5 minutes for the environments and 10 for some 2,000 completions; nothing is done twice",
        "  and what the call mini takes, where its attempts are not in the store",
    ]
    return "\n".join(lines)
