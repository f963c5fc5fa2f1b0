"""Titles of figures say what their tables say."""

from __future__ import annotations

import pandas as pd
import pytest
from paths import TESTS

from mathb_kit.profiles import load_profile
from mathb_kit.sentences import beside_redrawn_caption, titles


def redrawn(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    """Tuned models with the problems that they reach and the ends of their difference from the re-drawn base."""
    table = pd.DataFrame(rows, columns=["tuned", "reached", "low", "high"])
    return table.assign(seeds=1, of=26)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", 26, 0.5, 1.0), ("b", 0, -0.2, 0.1)],
         "Only a (26 of 26) reaches more than a frozen base; 1 other does not"),
        ([("a", 26, 0.5, 1.0), ("b", 9, 0.1, 0.4)], "a (26 of 26) and b (9 of 26) reach more than a frozen base"),
        ([("b", 0, -0.2, 0.1), ("c", 0, -0.3, 0.0)], "None of 2 tuned models reaches more than its frozen base"),
        (
            [("a", 26, 0.5, 1.0), ("b", 1, -0.2, -0.1), ("c", 1, -0.2, -0.1)],
            "Only a (26 of 26) reaches more than a frozen base; 2 others do not (all reach less)",
        ),
        ([("b", 0, -0.2, -0.1), ("c", 0, -0.3, 0.1)],
         "None of 2 tuned models reaches more than its frozen base (1 reaches less)"),
    ],
)  # fmt: skip
def test_only_intervals_without_zero_are_called_more_or_less(rows, said):
    finding, _, about = titles.reached_title(redrawn(*rows), "profile x").partition("\n")
    assert finding == said and about == "Profile x."


def test_a_row_of_several_seeds_is_no_model_more():
    table = pd.concat([redrawn(("a", 1, -0.1, 0.1)), redrawn(("a, 3 seeds", 5, 0.1, 0.2)).assign(seeds=3)])
    assert titles.reached_title(table, "").startswith("None of 1 tuned models")


def test_sharpening_counts_both_sides_of_the_diagonal():
    changes = pd.DataFrame(
        [("m", 0.1, 0.9, "kept"), ("m", 0.5, 0.5, "kept"), ("m", 0.5, 0.4, "lost"), ("n", 0.1, 0.2, "gained"),
         ("n", 0.1, 0.2, "kept"), ("n", 0.3, 0.3, "kept")],
        columns=["name", "base_pass_1", "tuned_pass_1", "change"],
    )  # fmt: skip
    finding = titles.finding_of(titles.sharpening_title(changes, "", 16))
    assert finding == (
        "Tuning lifts pass@1 on 1 to 2 of 3 problems and lowers it on 0 to 1; "
        "reach at k = 16 gains 0 to 1 and loses 0 to 1"
    )


def test_who_has_one_mode_left_is_told_from_who_mixes():
    shares = pd.DataFrame(
        [("base", "x", 0.6), ("base", "y", 0.4), ("rl", "x", 1.0)], columns=["name", "mode", "share"]
    )
    assert titles.finding_of(titles.modes_title(shares, "")) == (
        "rl use one mode (100 % of attempts), base mix several (at most 60 %)"
    )


def test_forecasts_are_judged_by_the_most_first_attempts():
    table = pd.DataFrame(
        [(100, 0.9, 0.1), (1000, 0.5, 0.4), (1000, 0.4, 0.7)], columns=["first", "forecast", "truth"]
    )
    assert "is 20.0 points off on average" in titles.forecast_title(table, "")


def test_the_title_of_learning_rates_counts_rows_that_chose_the_same_and_says_where_that_lies():
    tried = pd.DataFrame(
        [
            (row, rate, 3, rate == best)
            for row, best in (("a", 1e-4), ("b", 1e-4), ("c", 1e-3))
            for rate in (1e-4, 1e-3)
        ],
        columns=["row", "learning_rate", "seeds", "chosen"],
    )
    finding, _, about = titles.rates_title(tried, "a note").partition("\n")
    assert finding == "2 of 3 objectives validate best at 0.0001, the smallest tried"
    assert "3 runs each" in about
    assert "1 run each" in titles.rates_title(tried.assign(seeds=1), "a note")


@pytest.mark.parametrize("figure", ["mini/03", "powered/03", "real-rl/11"])
def test_committed_figures_have_the_caption_that_their_profile_would_give_them_today(figure):
    caption = (TESTS.parent / "figures" / f"{figure}_beside_redrawn.txt").read_text(encoding="utf-8")
    assert beside_redrawn_caption(load_profile(figure.partition("/")[0])) == caption.strip()
