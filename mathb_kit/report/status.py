"""What of the papers has been redrawn, by which call and from what; and our numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.places import verifiers_root
from mathb_kit.profiles import Profile, load_profile, profile_names
from mathb_kit.published import compare_with_published, published
from mathb_kit.report.folders import figures_folder, released_figures_folders
from mathb_kit.results import StudyResults
from mathb_kit.sampling import NotStored

if TYPE_CHECKING:
    import pandas as pd

PAPER = "MATH-Beyond"


@dataclass(frozen=True)
class PaperItem:
    """A figure or table of MATH-Beyond, and the files that show that it was drawn (name without suffix).

    Attributes:
        name, shows: which, and what is in it.
        sampled: drawn from attempts, by the notebook whose number begins the name.
        released: drawn from the released table.
        schematic: drawn from published numbers alone.
    """

    name: str
    shows: str
    sampled: str = ""
    released: str = ""
    schematic: str = ""


ITEMS = (
    PaperItem("Figure 1, left", "construction, stage by stage", sampled="02_funnel", schematic="09_pipeline"),
    PaperItem("Figure 1, right", "bases saturate ordinary sets at pass@1024", sampled="01_base_saturation"),
    PaperItem("Figure 2", "not known"),
    PaperItem("Figure 3", "difficulty", released="09_figure_3"),
    PaperItem("Figure 4", "not known"),
    PaperItem("Figure 5", "Expansion against k", sampled="03_expansion", released="09_figure_5"),
    PaperItem("Figure 6", "pass@k against k", sampled="03_pass_at_k_on_math_b", released="09_figure_6"),
    PaperItem("Figure 7", "gain per 64 attempts", sampled="03_gain_per_64", released="09_figure_7"),
    PaperItem("Table 1", "failures of verifiers", sampled="04_table_1"),
    PaperItem("Table 2", "Expansion at k = 1,024", sampled="03_reach", released="09_table_2"),
    PaperItem("Table 3", "verifiers by failure", sampled="04_table_3"),
    PaperItem("Table 4", "unsolved by each model", sampled="02_unsolved", released="09_table_4"),
    PaperItem("Topics", "topics of the problems", released="09_topics"),
)


def status_table() -> pd.DataFrame:
    """Figures and tables of MATH-Beyond by call, by the files that the calls left.

    Returns:
        One row per figure or table: item, shows, then one column per call. ``sampled`` (from attempts of the models
        themselves), ``miniature`` (from attempts of tiny models in their place), ``released`` (from the released
        table), ``synthetic`` (from a stand-in for it), ``schematic`` (from published numbers), ``not run`` (the call
        draws it and has not), or empty (the call does not draw it).
    """
    import pandas as pd

    rows = []
    for item in ITEMS:
        cells = {name: _by_profile(item, load_profile(name)) for name in profile_names()}
        rows.append({"item": item.name, "shows": item.shows, **cells, "verifiers": _by_verifiers(item),
                     "released": _by_released(item)})  # fmt: skip
    return pd.DataFrame(rows)


def beside_published(results: StudyResults, items: Collection[str] = ()) -> pd.DataFrame:
    """MATH-Beyond's published numbers beside those of a sampled study.

    Only like is set beside like: the same model under its own name on the same problems at the same k. The miniature,
    rehearsals and smaller studies have nothing of the kind, and their rows say ``not run``.

    Args:
        results: of the study.
        items: of the paper, e.g. ``Table 2``; all by default.

    Returns:
        item, subject, metric, published, ours, low, high, agrees, confidence, source (see ``compare_with_published``).
    """
    import pandas as pd

    rows = []
    if results.study.rehearsal is None and 1024 in results.study.ks:
        for item, numbers in (("Figure 1", _figure_1), ("Table 2", _table_2)):
            if not items or item in items:
                with suppress(NotStored):
                    rows += [(item, *row) for row in numbers(results)]
    ours = pd.DataFrame(rows, columns=["item", "subject", "metric", "ours", "low", "high"]).assign(paper=PAPER)
    table = compare_with_published(ours)
    chosen = table[(table["paper"] == PAPER) & (table["item"].isin(items) | (len(items) == 0))]
    return chosen.drop(columns="paper").reset_index(drop=True)


def _figure_1(results: StudyResults) -> Iterator[tuple]:
    if "aime-2024" not in results.study.sets or "qwen2.5-7b" not in results.study.bases:
        return
    ends = results.saturation.query("set == 'aime-2024' and k == 1024 and name == 'qwen2.5-7b'")
    for row in ends.itertuples():
        yield row.name, "AIME 2024 pass@1024 (%)", 100 * row.estimate, 100 * row.low, 100 * row.high


def _table_2(results: StudyResults) -> Iterator[tuple]:
    if results.study.hard_set != "math-b":
        return
    numbers, nan = published(), float("nan")
    named = set(numbers.loc[(numbers["paper"] == PAPER) & (numbers["item"] == "Table 2"), "subject"])
    for row in results.reach[(results.reach["k"] == 1024) & results.reach["tuned"].isin(named)].itertuples():
        yield row.tuned, "problems in D", row.of, nan, nan
        yield row.tuned, "reached", row.count, nan, nan
        yield row.tuned, "expansion (%)", 100 * row.rate, 100 * row.low, 100 * row.high


def _by_profile(item: PaperItem, profile: Profile) -> str:
    notebook = item.sampled.partition("_")[0]
    if not notebook or notebook == "04" or not any(name.startswith(notebook) for name in profile.notebooks):
        return ""  # verdicts of notebook 04 belong to the call verifiers, whoever runs it
    if not _drawn(figures_folder(profile), item.sampled):
        return "not run"
    return "miniature" if profile.miniature else "sampled"


def _by_verifiers(item: PaperItem) -> str:
    if not item.sampled.startswith("04_"):
        return ""
    return "sampled" if _drawn(verifiers_root() / "figures", item.sampled) else "not run"


def _by_released(item: PaperItem) -> str:
    name = item.released or item.schematic
    if not name:
        return ""
    committed, apart = released_figures_folders()
    if _drawn(committed, name):
        return "released" if item.released else "schematic"
    if not _drawn(apart, name):
        return "not run"
    return "synthetic" if item.released else "schematic"


def _drawn(folder: Path, name: str) -> bool:
    return (folder / f"{name}.csv").is_file()
