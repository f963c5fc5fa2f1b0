"""Published numbers: they hang together, and ours are set beside them honestly."""

from __future__ import annotations

import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.models.registry import hub_models
from mathb_kit.profiles import load_profile
from mathb_kit.published import CONFIDENCE, compare_with_published, published, published_stages
from mathb_kit.report import status
from mathb_kit.results import StudyResults

KEY = ["paper", "item", "subject", "metric"]


@pytest.fixture(scope="module")
def said() -> pd.DataFrame:
    return published()


def number(said: pd.DataFrame, item: str, subject: str, metric: str, paper: str = "MATH-Beyond") -> float:
    row = said[(said[KEY] == [paper, item, subject, metric]).all(axis=1)]
    assert len(row) == 1, (item, subject, metric)
    return row["value"].iloc[0]


def test_every_number_has_a_source_and_a_confidence_word(said):
    assert not said.duplicated(KEY).any() and set(said["paper"]) == {"MATH-Beyond", "OREAL", "DeepMath-103K"}
    assert said["confidence"].isin(CONFIDENCE).all() and said["source"].str.len().min() > 5
    assert (said["value"].isna() == (said["note"] == "not found")).all()


def test_table_2_is_consistent_with_itself_and_its_models_are_in_the_registry(said):
    """Each percentage is the printed rounding of a whole number of problems over |D|."""
    tuned = load_profile("paper").tuned
    rows = said[(said["item"] == "Table 2") & (said["metric"] == "expansion (%)")]
    assert len(rows) == 6 and set(rows["subject"]) <= set(hub_models())
    for row in rows.itertuples():
        reached, of = (number(said, "Table 2", row.subject, metric) for metric in ("reached", "problems in D"))
        assert abs(100 * reached / of - row.value) <= 0.5 * 10**-row.decimals + 1e-9
        base = tuned[row.subject]
        assert number(said, "Table 4", base, "unsolved") == of
        assert number(said, "Table 4", base, "solved") == 181 - of


def test_known_numbers_are_as_the_papers_have_them(said):
    stages = published_stages()["value"].tolist()
    assert stages[:2] + stages[4:] == [53682, 34515, 184, 181, 41]
    assert number(said, "Table 4", "intersection of all 21 models", "problems") == 13
    assert number(said, "Table 1", "OREAL-32B", "MATH-500 (%)", "OREAL") == 95.0
    assert number(said, "Table 2", "and skill-based enhancement", "MATH-500 (%)", "OREAL") == 91.0
    assert number(said, "Table 3", "DeepMath-Zero-7B", "AIME 2024 (%)", "DeepMath-103K") == 20.4
    star = said[(said["subject"] == "rStar-Math-7B") & (said["metric"] == "MATH-500 (%)")].iloc[0]
    assert (star["value"], star["note"]) == (78.4, "from the model's own report")
    levels = said[(said["paper"] == "DeepMath-103K") & (said["item"] == "Difficulty")]["value"].sum()
    assert levels == pytest.approx(102.8)


@pytest.mark.parametrize(
    ("ours", "low", "high", "expected"),
    [
        (21.2121, None, None, "yes"),  # printed as 21.2
        (21.26, None, None, "no"),
        (19.0, 12.0, 28.0, "within our interval"),
        (30.0, 25.0, 35.0, "no"),
        (float("nan"), None, None, "not run"),
    ],
)
def test_agreement_goes_as_far_as_the_number_was_printed(ours, low, high, expected):
    row = ("MATH-Beyond", "Table 2", "skywork-or1-7b", "expansion (%)", ours, low, high)
    table = compare_with_published(pd.DataFrame([row], columns=[*KEY, "ours", "low", "high"]))
    found = table[(table["subject"] == "skywork-or1-7b") & (table["metric"] == "expansion (%)")]
    assert found["agrees"].tolist() == [expected]
    assert len(table) == len(published()) and set(table["agrees"]) <= {expected, "not run", "not found"}


def test_counts_agree_exactly_or_not_at_all():
    row = ("MATH-Beyond", "Table 4", "intersection of the eleven bases (MATH-B-I)", "problems")
    for ours, expected in ((41, "yes"), (40, "no")):
        table = compare_with_published(pd.DataFrame([(*row, ours)], columns=[*KEY, "ours"]))
        assert table[(table[KEY] == list(row)).all(axis=1)]["agrees"].tolist() == [expected]


def test_a_number_of_ours_that_nothing_is_published_on_is_named():
    rows = [("MATH-Beyond", "Table 2", "qwen9", "expansion (%)", 1.0)] * 2
    with pytest.raises(MathbError, match="Nothing is published as MATH-Beyond / Table 2 / qwen9"):
        compare_with_published(pd.DataFrame(rows[:1], columns=[*KEY, "ours"]))
    with pytest.raises(MathbError, match="twice"):
        compare_with_published(pd.DataFrame(rows, columns=[*KEY, "ours"]))
    with pytest.raises(MathbError, match="lack the column 'metric'"):
        compare_with_published(pd.DataFrame(rows, columns=["paper", "item", "subject", "x", "ours"]))


# -- status ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Figures of every call under tmp_path instead of the checkout."""
    monkeypatch.setattr(status, "figures_folder", lambda profile: tmp_path / profile.name)
    monkeypatch.setattr(status, "verifiers_root", lambda: tmp_path / "verifiers")
    monkeypatch.setattr(status, "released_figures_folders", lambda: (tmp_path / "committed", tmp_path / "apart"))
    return tmp_path


def test_the_status_is_told_from_the_files_that_are_there(nowhere):
    def cells() -> pd.DataFrame:
        return status.status_table().set_index("item")

    before = cells()
    assert set(before.loc["Figure 5", ["mini", "paper", "released"]]) == {"not run"}
    assert (before.loc["Figure 2"].drop("shows") == "").all() and before.at["Figure 5", "verifiers"] == ""
    assert before.at["Table 4", "paper"] == ""  # the profile paper has no notebook 02
    for file in (
        "mini/03_expansion",
        "paper/03_expansion",
        "apart/09_figure_5",
        "apart/09_pipeline",
        "verifiers/figures/04_table_3",
    ):
        (nowhere / file).parent.mkdir(parents=True, exist_ok=True)
        (nowhere / f"{file}.csv").write_text("x\n1\n")
    after = cells()
    assert after.loc["Figure 5", ["mini", "paper", "single-gpu", "released"]].tolist() == [
        "miniature", "sampled", "not run", "synthetic",
    ]  # fmt: skip
    assert after.at["Figure 1, left", "released"] == "schematic" and after.at["Table 3", "verifiers"] == "sampled"
    (nowhere / "committed").mkdir()
    (nowhere / "committed" / "09_figure_5.csv").write_text("x\n1\n")
    assert cells().at["Figure 5", "released"] == "released"


def test_only_like_is_set_beside_like(monkeypatch):
    columns = ["tuned", "base", "k", "count", "of", "rate", "low", "high"]
    rows = [("skywork-or1-7b", "r1-7b", 1024, 18, 99, 0.181818, 0.1115, 0.2721),
            ("r1-7b re-drawn", "r1-7b", 1024, 5, 99, 0.05, 0.01, 0.1)]  # fmt: skip
    monkeypatch.setattr(StudyResults, "reach", pd.DataFrame(rows, columns=columns))

    def beside(*call, items=("Table 2",)) -> pd.DataFrame:
        return status.beside_published(StudyResults(load_profile(*call), stored_only=True), items)

    table = beside("paper").set_index(["subject", "metric"])
    assert table.loc[("skywork-or1-7b", "expansion (%)"), ["ours", "agrees"]].tolist() == [
        18.1818,
        "within our interval",
    ]
    assert table.at[("skywork-or1-7b", "reached"), "agrees"] == "no"
    assert table.at[("skywork-or1-7b", "problems in D"), "agrees"] == "yes"
    assert table.at[("qwen3-4b", "expansion (%)"), "agrees"] == "not run"
    for name in ("single-gpu-1024", "mini"):  # other sets, other models
        assert set(beside(name)["agrees"]) == {"not run"}
    assert set(beside("paper", False, True, items=())["agrees"]) <= {"not run", "not found"}  # a rehearsal
