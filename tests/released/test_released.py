"""The study on MATH-Beyond's released table, on a made-up table with the real schema and the published margins."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from released_table import BASES, GRID, MODELS, ROWS, TUNED, estimate, synthetic_counts, synthetic_rows, write_table
from scipy import stats

from mathb_kit import released
from mathb_kit.errors import MathbError
from mathb_kit.plots import released as plots
from mathb_kit.problems.registry import registry
from mathb_kit.published import compare_with_published
from mathb_kit.released import identity
from mathb_kit.released.table import parse_released_table
from mathb_kit.report.calls import price_of_released, redraw_released
from mathb_kit.report.folders import released_figures_folder
from mathb_kit.report.notebooks import run_notebook


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return {kind: synthetic_rows(kind) for kind in ("estimates", "indicators")}


@pytest.fixture(scope="module")
def tables(rows) -> dict[str, released.ReleasedTable]:
    return {kind: parse_released_table(rows[kind], "made-up.jsonl", "synthetic") for kind in rows}


@pytest.fixture
def copy(rows) -> list[dict]:
    """Rows to spoil."""
    return [dict(row) for row in rows["estimates"]]


def ours(stem: str) -> str:
    return stem.replace("_", "-")


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["math_b.parquet", "math-beyond.jsonl", "math_b.jsonl.zst", "math_b.csv"])
def test_every_format_gives_the_same_table(rows, tables, tmp_path, monkeypatch, name):
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    write_table(rows["estimates"], tmp_path / name)
    table, known = released.read_released_table(), tables["estimates"]
    pd.testing.assert_frame_equal(table.problems, known.problems)
    pd.testing.assert_frame_equal(table.unsolved, known.unsolved)
    pd.testing.assert_frame_equal(table.values, known.values)
    assert (table.ks, table.identity) == (GRID, "synthetic")
    assert table.models[:11] == table.bases == tuple(map(ours, BASES)) and set(table.models[11:]) == set(
        map(ours, TUNED)
    )


def test_the_grid_is_read_from_the_columns(rows):
    few = [{key: value for key, value in row.items() if not key.endswith("@512")} for row in rows["estimates"]]
    assert parse_released_table(few, "x", "synthetic").ks == tuple(k for k in GRID if k != 512)


def test_without_copy_and_hub_one_sentence_has_both_remedies(monkeypatch):
    import datasets

    def nobody(*_, **__):
        raise ConnectionError("no route\nmore")

    monkeypatch.setattr(datasets, "load_dataset_builder", nobody)
    with pytest.raises(MathbError, match="go online, or .*MATHB_DATA_DIR") as caught:
        redraw_released()
    assert "\n" not in str(caught.value)


FAULTS = {
    "a missing column": (lambda rows: [row.pop("topic") for row in rows] and None, "has no column 'topic'"),
    "a missing model column": (
        lambda rows: [row.pop("r1-7b_pass@128") for row in rows] and None,
        "has no column 'r1-7b_pass@128'",
    ),
    "a missing flag": (
        lambda rows: [row.pop("qwen3_8b_base_unsolved") for row in rows] and None,
        "has no column 'qwen3_8b_base_unsolved'",
    ),
    "a renamed stem": (
        lambda rows: [row.update({"r1-7_unsolved": row.pop("r1-7b_unsolved")}) for row in rows] and None,
        r"the column 'r1-7_unsolved' belongs to none of the 21 models \(did you mean r1-7b\?\); give it back the name",
    ),
    "a doubled stem": (
        lambda rows: [row.update({"r1_7b_unsolved": True}) for row in rows] and None,
        "the columns 'r1-7b_unsolved' and 'r1_7b_unsolved' are the same model's; drop one",
    ),
    "NaN": (
        lambda rows: rows[16].update({"r1-7b_pass@64": float("nan")}),
        r"row 17 has no value in the column 'r1-7b_pass@64'",
    ),
    "an empty text": (lambda rows: rows[2].update(topic=" "), "row 3 has no value in the column 'topic'"),
    "no share": (
        lambda rows: rows[4].update({"r1-7b_pass@64": 17.0}),
        "row 5: 'r1-7b_pass@64' is 17.0, not within 0 to 1",
    ),
    "no number": (
        lambda rows: rows[4].update({"r1-7b_pass@64": "n/a"}),
        "row 5: 'r1-7b_pass@64' is n/a, not a number",
    ),
    "no flag": (
        lambda rows: rows[4].update({"r1-7b_unsolved": "maybe"}),
        "row 5: 'r1-7b_unsolved' is maybe, neither true nor false",
    ),
    "a repeated problem": (
        lambda rows: rows[9].update(problem=rows[3]["problem"] + " "),
        "row 10 has the problem of row 4; drop one of them",
    ),
    "mixed golds": (
        lambda rows: [rows[at].update(answer="1/2") for at in (7, 9)] and None,
        r"row 8: the answer '1/2' is not a whole number, .*\(2 such rows\)",
    ),
    "no difficulty": (
        lambda rows: rows[0].update(difficulty=11),
        "row 1: the difficulty 11.* is not a number from 1 to 10",
    ),
    "a contradiction": (
        lambda rows: rows[0].update({"llama3.1_8b_unsolved": False}),
        r"row 1: 'llama3.1_8b_unsolved' is False but 'llama3.1_8b_pass@1024' is 0 \(1 such contradictions\)",
    ),
    "a cut table": (lambda rows: rows[:97], "has 97 rows where the released table has 181"),
}


@pytest.mark.parametrize("change, message", FAULTS.values(), ids=FAULTS)
def test_a_dirty_table_is_one_sentence_with_the_remedy(copy, change, message):
    spoilt = change(copy) or copy
    with pytest.raises(MathbError, match=message) as caught:
        parse_released_table(spoilt, "own.jsonl", "unrecognised")
    text = str(caught.value)
    assert (
        text.startswith("own.jsonl")
        and "\n" not in text
        and ("fetch the released table again" in text or "drop" in text)
    )


@pytest.mark.parametrize("name", ["math_b.parquet", "math_b.jsonl", "math_b.jsonl.zst", "math_b.csv"])
def test_a_truncated_file_is_one_sentence(rows, tmp_path, monkeypatch, name):
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    path = write_table(rows["estimates"], tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(MathbError, match=name) as caught:
        released.read_released_table()
    assert "\n" not in str(caught.value) and "again" in str(caught.value)


# -- what it is --------------------------------------------------------------------------------------------------------


def test_a_table_is_recognised_by_its_content_or_by_the_record_of_the_fetch(copy, tmp_path, monkeypatch):
    for row in copy:
        del row["synthetic"]

    def digest(chosen: list[int]) -> str:
        lines = [
            f'{{"problem_id": "math_b_{at:04d}", "source_index": {at}, "prompt": {json.dumps(copy[at]["problem"])}, '
            f'"ground_truth": "{copy[at]["answer"]}", "data_source": "{copy[at]["data_source"]}", '
            f'"topic": "{copy[at]["topic"]}", "difficulty": {copy[at]["difficulty"]}}}\n'
            for at in chosen
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    assert identity.identify(copy) == "unrecognised"
    for name, chosen in (("_ALL", range(ROWS)), ("_BASES", range(40)), ("_EVERYBODY", range(13))):
        monkeypatch.setattr(identity, name, digest(list(chosen)))
    assert identity.identify(copy) == "released"
    assert identity.identify([{**row, "synthetic": True} for row in copy]) == "synthetic"
    for change in ({"answer": "7"}, {"r1-7b_pass@1024": 1.0}, {"qwen3-4b_unsolved": False}):
        assert identity.identify([{**copy[0], **change}, *copy[1:]]) == "unrecognised"

    monkeypatch.setattr(identity, "_ALL", "")
    path, hub = write_table(copy, tmp_path / "math_b.jsonl"), registry()["math-b"].hub
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    record = {"hub": hub.path, "revision": hub.revision, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    for told, expected in (
        (record, "released"),
        ({**record, "revision": "other"}, "unrecognised"),
        ([], "unrecognised"),
    ):
        (tmp_path / "math_b.source.json").write_text(json.dumps(told))
        assert released.read_released_table().identity == expected


def test_a_contradiction_in_the_table_as_released_is_shown_and_not_refused(copy):
    copy[0]["llama3.1_8b_unsolved"] = False
    table = parse_released_table(copy, "hub:x", "released")
    assert len(table.remarks) == 1 and "'llama3.1_8b_pass@1024' is 0" in table.remarks[0]
    row = released.unsolved_table(table).set_index("subject").loc["llama3.1-8b"]
    assert row["unsolved"] == row["zero_pass"] - 1 == BASES["llama3.1_8b"] - 1


def test_only_the_table_as_released_draws_into_figures(tables, rows, checkout, tmp_path):
    real = parse_released_table(rows["estimates"], "hub:x", "released")
    assert released_figures_folder(real) == checkout / "figures" / "released"
    for table in (tables["estimates"], parse_released_table(rows["estimates"], "x.csv", "unrecognised")):
        assert released_figures_folder(table) == tmp_path / "runs" / "released" / "figures"
        assert table.identity.upper() in table.note and table.identity.upper() in table.label


# -- which kind --------------------------------------------------------------------------------------------------------


def test_estimates_are_told_apart_and_give_back_the_counts(tables):
    kind = released.detect_kind(tables["estimates"])
    assert kind.name == "estimates" and "unbiased estimate" in kind.sentence
    recovered = released.recovered_counts(tables["estimates"], kind).set_index("model")
    for stem, c in synthetic_counts().items():
        low, high = (recovered.loc[ours(stem), name].to_numpy() for name in ("c_low", "c_high"))
        assert (low <= c).all() and (c <= high).all()
        assert (low == high)[c <= 250].all()
    with pytest.raises(MathbError, match="indicators only"):
        released.first_success(tables["estimates"], kind)


@pytest.mark.parametrize(
    "rounded", [lambda v: round(v, 4), lambda v: float(np.float32(v))], ids=["decimals", "float32"]
)
def test_rounded_estimates_are_estimates_with_counts_that_hold_the_truth(rows, rounded):
    frame = pd.DataFrame(rows["estimates"])
    columns = [column for column in frame if "_pass@" in column]
    frame[columns] = frame[columns].map(rounded)
    table = parse_released_table(frame.to_dict("records"), "x", "synthetic")
    kind = released.detect_kind(table)
    assert kind.name == "estimates"
    for stem, c in synthetic_counts().items():
        place = table.models.index(ours(stem))
        assert (kind.c_low[:, place] <= c).all() and (c <= kind.c_high[:, place]).all()
        assert (kind.c_low == kind.c_high)[:, place][c <= 40].all()


def test_indicators_are_told_apart_and_bracket_the_first_success(tables, rows):
    kind = released.detect_kind(tables["indicators"])
    assert kind.name == "indicators" and "indicator of the first k" in kind.sentence
    brackets = released.first_success(tables["indicators"], kind)
    for stem in ("r1-1.5b", "qwen3_8b"):
        own = brackets[brackets["model"] == ours(stem)].set_index("problem")
        for number, row in enumerate(rows["indicators"], 1):
            solved = [k for k in GRID if row[f"{stem}_pass@{k}"]]
            after, by = own.loc[f"math-b/{number}", ["after", "by"]]
            assert pd.isna(by) if not solved else by == solved[0]
            assert after == (solved[0] - 64 if solved else 1024)
    with pytest.raises(MathbError, match="unbiased estimates only"):
        released.recovered_counts(tables["indicators"], kind)


def test_a_mixture_and_neither_kind_are_refused_with_the_place(rows, copy):
    mixed = [
        {key: indicator[key] if key.startswith("skywork") else value for key, value in row.items()}
        for row, indicator in zip(rows["estimates"], rows["indicators"], strict=True)
    ]
    with pytest.raises(MathbError, match=r"mixes two kinds .*row \d+, 'skywork-or1-7b_pass@k' holds indicators"):
        released.detect_kind(parse_released_table(mixed, "x", "synthetic"))
    at = next(at for at, row in enumerate(copy) if 0 < row["r1-1.5b_pass@64"] < 1)
    copy[at]["r1-1.5b_pass@512"] = 0.33
    with pytest.raises(MathbError, match=rf"row {at + 1}, 'r1-1.5b_pass@k': the values .* are neither"):
        released.detect_kind(parse_released_table(copy, "x", "synthetic"))
    falling = [
        {**row, **({f"{MODELS[0]}_pass@128": 0.0} if row[f"{MODELS[0]}_pass@64"] else {})} for row in rows["indicators"]
    ]
    with pytest.raises(MathbError, match="are neither"):
        released.detect_kind(parse_released_table(falling, "x", "synthetic"))


def test_one_k_alone_is_undecided_and_still_gives_tables_2_and_4():
    table = parse_released_table(synthetic_rows(grid=(1024,)), "x", "synthetic")
    kind = released.detect_kind(table)
    assert kind.name == "undecided" and len(released.expansion_by_k(table, kind)) == 6
    with pytest.raises(MathbError, match="no pass@512; its grid is 1024"):
        released.split_half_null(table, kind)


# -- tables and figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["estimates", "indicators"])
def test_tables_2_and_4_have_the_margins_and_exact_intervals(tables, kind):
    unsolved = released.unsolved_table(tables[kind]).set_index("subject")
    for stem, count in BASES.items():
        row = unsolved.loc[ours(stem)]
        assert (row["unsolved"], row["zero_pass"], row["kind"], row["of"]) == (count, count, "base", 181)
        low = stats.beta.ppf(0.025, count, 182 - count)
        high = stats.beta.ppf(0.975, count + 1, 181 - count)
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert unsolved[unsolved["kind"] == "set"]["unsolved"].tolist() == [181, 40, 13]
    expansion = released.expansion_table(tables[kind])
    assert (
        expansion["tuned"].tolist()[:6] == [ours(stem) for stem in list(TUNED)[4:]]
        and expansion["published"].sum() == 6
    )
    for row in expansion.itertuples():
        base, reached = TUNED[next(stem for stem in TUNED if ours(stem) == row.tuned)]
        assert (row.base, row.count, row.of) == (ours(base), reached, BASES[base])
        assert row.low == pytest.approx(stats.beta.ppf(0.025, reached, BASES[base] - reached + 1))


def test_all_that_is_published_agrees_but_the_41(tables):
    table = compare_with_published(released.as_published(tables["estimates"])).query("paper == 'MATH-Beyond'")
    differing = table[table["agrees"] == "no"]
    assert len(differing) == 2 and (differing["published"] == 41).all() and (differing["ours"] == 40).all()
    assert (table["agrees"] == "yes").sum() == 35
    near = released.nearly_intersection(tables["estimates"])
    flags = pd.DataFrame({ours(stem): synthetic_counts()[stem] == 0 for stem in BASES})
    assert len(near) == (flags.sum(axis=1) == 10).sum() > 0
    assert all(not flags.loc[int(row.problem.split("/")[1]) - 1, row.solved_by] for row in near.itertuples())


@pytest.mark.parametrize("name", ["estimates", "indicators"])
def test_curves_and_gains_are_plain_means_of_the_columns(tables, rows, name):
    table, frame = tables[name], pd.DataFrame(rows[name])
    kind = released.detect_kind(table)
    curves = released.expansion_by_k(table, kind)
    row = curves.query("tuned == 'skywork-or1-7b' and k == 256").iloc[0]
    assert row["estimate"] == pytest.approx(frame.loc[frame["r1-7b_unsolved"], "skywork_or1_7b_pass@256"].mean())
    assert row["low"] <= row["estimate"] <= row["high"]
    everybody = released.pass_at_k_curves(table, kind)
    assert len(everybody) == 21 * 16 and everybody.groupby("family", sort=False)["model"].nunique().tolist() == [
        4,
        4,
        4,
        6,
        3,
    ]
    last = everybody.query("model == 'qwen3-8b' and k == 1024")["estimate"].iloc[0]
    assert last == pytest.approx(frame["qwen3_8b_pass@1024"].mean())
    gains = released.gain_by_k(table)
    means = [0.0, *(frame[[f"{stem}_pass@{k}" for stem in MODELS]].to_numpy().mean() for k in GRID)]
    assert gains["gain"].tolist() == pytest.approx(np.diff(means).tolist())
    assert (gains["low"] <= gains["gain"]).all() and (gains["gain"] <= gains["high"]).all()


def test_a_coarser_grid_shares_a_difference_out_over_its_steps():
    grid = (64, 256, 1024)
    table = parse_released_table(synthetic_rows(grid=grid), "x", "synthetic")
    gains = released.gain_by_k(table)
    means = [table.pass_at(k).to_numpy().mean() for k in grid]
    assert gains["gain"].tolist() == pytest.approx([means[0], (means[1] - means[0]) / 3, (means[2] - means[1]) / 12])


def test_difficulties_topics_and_sources_count_every_problem_once(tables):
    table = tables["estimates"]
    for counts in (released.difficulty_counts(table), released.topic_counts(table)):
        assert counts.groupby("set")["problems"].sum().to_dict() == {"MATH-B-U": 181, "MATH-B-I": 40}
        assert counts.groupby("set")["share"].sum().tolist() == pytest.approx([1, 1])
    assert dict(released.source_counts(table)[["source", "problems"]].to_numpy()) == {
        "DAPO-Math-17K": 113,
        "DeepScaleR": 68,
    }
    assert not released.topic_counts(table)["topic"].str.contains("Mathematics -|Other").any()


# -- null --------------------------------------------------------------------------------------------------------------


def test_the_split_half_null_is_that_of_the_true_counts(tables):
    null = released.split_half_null(tables["estimates"], released.detect_kind(tables["estimates"])).set_index("model")
    for stem in ("r1-1.5b", "llama3.1_8b"):
        counts = synthetic_counts()[stem].tolist()
        weights = [Fraction(comb(512, c), comb(1024, c)) for c in counts]
        missed, reached = sum(weights), sum(w for w, c in zip(weights, counts) if c)
        row = null.loc[ours(stem)]
        assert (row["unsolved"], row["reached"]) == (pytest.approx(float(missed)), pytest.approx(float(reached)))
        assert row["rate"] == pytest.approx(float(reached / missed)) and row["low"] < row["rate"] < row["high"]
        # 184 candidates: three solved by all; each at most 1/2 in either sum
        assert row["rate_if_dropped"] == pytest.approx(float((reached + Fraction(3, 2)) / (missed + Fraction(3, 2))))


def test_indicators_give_one_split_and_tuned_models_stand_beside_it(tables, rows):
    table, frame = tables["indicators"], pd.DataFrame(rows["indicators"])
    null = released.split_half_null(table, released.detect_kind(table))
    row = null.set_index("model").loc["r1-7b"]
    missed = frame["r1-7b_pass@512"] == 0
    reached = int(frame.loc[missed, "r1-7b_pass@1024"].sum())
    assert (row["unsolved"], row["reached"]) == (missed.sum(), reached)
    assert row["rate_if_dropped"] == pytest.approx((reached + 3) / (missed.sum() + 3))
    beside = released.expansion_beside_null(table, null).set_index("tuned").loc["skywork-or1-7b"]
    assert beside["expansion"] == pytest.approx(frame.loc[missed, "skywork_or1_7b_pass@512"].mean())
    assert beside["null"] == row["rate"]


def test_a_redraw_is_foreseen_near_what_simulated_fresh_draws_reach():
    """Bases whose rates are known: a fresh draw of 1,024 on their unsolved problems falls inside, on average near."""
    rng = np.random.default_rng(5)
    rates = np.where(rng.random(ROWS) < 0.5, 0.0, 10 ** rng.uniform(-4.5, -1, ROWS))
    rows = synthetic_rows()
    stems = ["r1-1.5b", "r1-7b", "qwen3-4b-base", "qwen3_8b_base"]
    expected = {}
    for stem in stems:
        counts = rng.binomial(1024, rates)
        for row, c in zip(rows, counts.tolist(), strict=True):
            row[f"{stem}_unsolved"] = c == 0
            row |= {f"{stem}_pass@{k}": estimate(c, k) for k in GRID}
        expected[ours(stem)] = (1 - (1 - rates[counts == 0]) ** 1024).sum()
    table = parse_released_table(rows, "x", "synthetic")
    foreseen = released.foreseen_redraw(table, released.detect_kind(table)).set_index("base")
    for base, truth in expected.items():
        row = foreseen.loc[base]
        assert row["low"] <= truth <= row["high"] and row["estimate"] <= row["estimate_if_dropped"]
    assert foreseen["estimate"].mean() == pytest.approx(np.mean(list(expected.values())), rel=0.5)


# -- the call ----------------------------------------------------------------------------------------------------------


def test_every_figure_can_be_drawn(tables):
    import matplotlib.pyplot as plt

    table = tables["indicators"]
    kind = released.detect_kind(table)
    figure = plots.plot_expansion_rates(released.expansion_table(table))
    shown = {text.get_text() for text in figure.axes[0].texts}
    assert {"9 of 115", "21 of 99", "77 of 116"} <= shown
    figure = plots.plot_unsolved(released.unsolved_table(table))
    assert {"158", "181", "40", "13"} <= {text.get_text() for text in figure.axes[0].texts}
    plots.plot_gain_per_step(released.gain_by_k(table))
    plots.plot_difficulty(released.difficulty_counts(table))
    plots.plot_topics(released.topic_counts(table))
    curves = released.pass_at_k_curves(table, kind)
    figure = plots.plot_curves_by_panel(curves, by="model", panel="family", y_label="pass@k")
    assert sum(len(axis.get_lines()) for axis in figure.axes) == 21
    plt.close("all")


def test_the_price_says_where_the_table_is_read_from(rows, tmp_path, monkeypatch):
    assert "brendel-group/MATH-Beyond at revision 1a2a629" in price_of_released()
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    path = write_table(rows["indicators"][:1], tmp_path / "math_b.jsonl")
    assert str(path) in price_of_released()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["estimates", "indicators"])
def test_a_synthetic_table_is_redrawn_into_runs_only_and_every_caption_says_so(
    rows, tmp_path, monkeypatch, checkout, kind
):
    before = sorted((checkout / "figures").rglob("*"))
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_table(rows[kind], tmp_path / "math_b.parquet")
    executed = redraw_released()
    folder = Path(tmp_path / "runs" / "released" / "figures")
    names = {path.stem for path in folder.glob("*.png")}
    drawn = {"table_2", "table_4", "figure_3", "figure_5", "figure_6", "figure_7", "topics", "beside_null", "pipeline"}
    assert names == {f"09_{name}" for name in drawn}
    for name in names:
        assert all((folder / f"{name}{suffix}").is_file() for suffix in (".pdf", ".csv", ".txt"))
        assert "SYNTHETIC" in (folder / f"{name}.txt").read_text()
    page = (tmp_path / "runs" / "released" / "index.html").read_text()
    assert "SYNTHETIC" in page and executed.with_suffix(".html").is_file()
    assert sorted((checkout / "figures").rglob("*")) == before


@pytest.mark.slow
def test_the_notebook_without_a_table_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MathbError, match="MATHB_DATA_DIR names that folder|MATHB_DATA_DIR name that folder"):
        run_notebook("09_the_released_table", {}, tmp_path / "out")
