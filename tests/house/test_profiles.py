"""Profiles for real models: what they cost, and that a rehearsal runs all of them under a name that gives it away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scipy import stats

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.models.registry import hub_models
from mathb_kit.places import run_root
from mathb_kit.problems import plan_on
from mathb_kit.profiles import Profile, load_profile, profile_names
from mathb_kit.report import reproduce as study_runner
from mathb_kit.report.calibration import Calibration, calibrate, calibrated
from mathb_kit.report.price import price, price_table

REAL = ["evening", "single-gpu", "single-gpu-1024", "paper"]
# A base of 1.5B and a reasoning model of 7B of the registry, 4 problems, rounds 4 and 8.
OWN = """
about = "a test"
bases = ["qwen2.5-1.5b"]
sets = ["{problems}"]
tuned = {{ "r1-7b" = "qwen2.5-1.5b" }}
ks = [1, 8]
notebooks = ["{notebook}"]
plan = {{ rounds = [4, 8], stop = 2, chunk = 4 }}
chance = 2

[cost]
on = "a GPU"
tokens_per_attempt = {{ base = 100, reasoning = 1000 }}
tokens_per_second = {{ "1.5B" = 50, "7B" = 10 }}
bytes_per_attempt = 7
success_rates = {{ "{problems}" = [1, 1, 0.25] }}

[published]
who = "Somebody"
hours = 2
on = "other GPU"
models = 3
problems = 5
attempts = 16

[rehearse]
size = 2
ks = [1, 4]
plan = {{ rounds = [4], stop = 2, chunk = 4 }}
stand_in_sets = {{ "{problems}" = "mini-math" }}
models = {{ "qwen2.5-1.5b" = "mini-base-1", "r1-7b" = "mini-rl-1" }}
"""
NOTEBOOK = """# %% tags=["parameters"]
profile: str = "mini"
quick: bool = False
rehearse: bool = False
# %%
import pandas as pd
import mathb_kit as mb
study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
result = mb.evaluate(study.model("r1-7b"), study.problems(study.sets[0]), study.plan)
curve = mb.pass_at_k_curve(result.outcomes, study.ks, by=["name"])
figure = mb.plot_pass_at_k(curve, by="name", title=study.name)
mb.save_figure(figure, curve, mb.report.figures_folder(study), "one", CAPTION)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    problems, notebook = tmp_path / "own.jsonl", tmp_path / "demo.py"
    problems.write_text("".join(json.dumps({"problem": f"Find $1{i}+2$.", "answer": 12 + i}) + "\n" for i in range(4)))
    notebook.write_text(NOTEBOOK.replace("CAPTION", "study.note"))
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(problems=problems, notebook=notebook))
    return path


# -- price -------------------------------------------------------------------------------------------------------------


def test_the_price_is_attempts_times_declared_lengths_and_rates(own):
    table = price_table(load_profile(str(own))).set_index("model")
    # The plan goes on from 4 attempts to 8 below 2 correct; a quarter of the problems is never solved.
    goes_on = 0.25 + 0.75 * stats.betabinom(4, 1, 1).cdf(1)
    for model, guesses, length, rate in (("qwen2.5-1.5b", 4 * 2, 100, 50), ("r1-7b", 0, 1000, 10)):
        row = table.loc[model]
        assert row["attempts"] == 4 * 8 + guesses
        assert row["expected_attempts"] == pytest.approx(4 * (4 + 4 * goes_on) + guesses)
        for prefix in ("", "expected_"):
            assert row[f"{prefix}tokens"] == pytest.approx(row[f"{prefix}attempts"] * length)
            assert row[f"{prefix}hours"] == pytest.approx(row[f"{prefix}tokens"] / rate / 3600)
            assert row[f"{prefix}bytes"] == pytest.approx(row[f"{prefix}attempts"] * 7)


def test_the_published_hours_stand_beside_ours_and_neither_is_fitted(own):
    text = price(load_profile(str(own)))
    # 3 x 5 x 16 = 240 attempts in 7,200 s; our lengths average 550 tokens: 132,000 tokens
    assert "= 240 attempts" in text and "30.0 other GPU seconds each" in text and "18 tokens/s" in text
    # ours: 80 attempts of each model at 100/50 + 1000/10 seconds, as if each model had been run as often
    assert f"our rates would take {80 * (2 + 100) / 3600:,.0f} hours" in text and "Not fitted" in text
    assert "Beta(1, 1) and 25% never" in text and "100 an attempt" not in text


def test_a_model_without_a_number_is_named(own):
    own.write_text(own.read_text().replace('"7B" = 10', '"8B" = 10'))
    with pytest.raises(MathbError, match="no tokens_per_second for '7B', which r1-7b needs"):
        price(load_profile(str(own)))


def test_a_calibration_replaces_what_it_measured_and_scales_other_sizes(own):
    profile = load_profile(str(own))
    cost = calibrated(profile, Calibration("r1-7b", "this GPU", attempts=10, tokens=20_000, seconds=1000)).cost
    assert cost.tokens_per_attempt == {"base": 100, "reasoning": 2000}
    assert cost.tokens_per_second == {"1.5B": 100, "7B": 20} and cost.on == "this GPU"
    other = calibrated(profile, Calibration("mini-base-1", "cpu", 10, 500, 1)).cost
    assert other.model_copy(update={"origin": "measured"}) == profile.cost
    assert "50 tokens an attempt" in other.origin and "says nothing of this study's models" in other.origin


def test_calibration_counts_only_what_was_finished_and_stores_nothing():
    measured = calibrate(load_profile("mini"), seconds=0.0)
    assert measured.model == "mini-base-1" and measured.attempts == 16 < measured.tokens and measured.seconds > 0
    assert mb.Store().totals() == (0, 0)


# -- the shipped profiles ----------------------------------------------------------------------------------------------


def test_the_paper_has_all_its_models_and_single_gpu_one_base_and_its_descendants():
    paper, single = load_profile("paper"), load_profile("single-gpu")
    assert len(paper.bases) == 11 and len(paper.tuned) == 10
    assert paper.plan.n_max == max(paper.ks) == 1024 and single.plan.n_max == max(single.ks) == 128
    for profile in (paper, single):
        assert {name: hub_models()[name].base for name in profile.tuned} == profile.tuned
        assert set(profile.tuned.values()) <= set(profile.bases)
        assert profile.hard_set.startswith("math-b") and not profile.miniature
    assert len(single.bases) == 1


def test_the_opt_in_profile_differs_in_its_attempts_only():
    small, large = load_profile("single-gpu"), load_profile("single-gpu-1024")
    changed = {key for key in Profile.model_fields if getattr(small, key) != getattr(large, key)}
    assert changed == {"name", "about", "ks", "plan"}
    # What was sampled for the small one is a prefix of the large one.
    assert large.plan.rounds[: len(small.plan.rounds)] == small.plan.rounds and large.plan.stop == small.plan.stop


@pytest.mark.parametrize("name", ["mini", *REAL])
def test_a_checkpoint_is_judged_with_the_attempts_that_the_study_of_the_set_stored(name):
    study = load_profile(name)
    for each in (*study.sets, study.hard_set):
        plan = plan_on(each, study.plan.n_max)
        for n in range(16, plan.n_max, 16):
            for c in range(6):
                stored = study.plan.continues(n, c)
                assert stored or not plan.continues(n, c), f"{each}: goes on at {c} of {n}, where the study ended"
    assert name != "mini" or plan == study.plan


@pytest.mark.parametrize("name", REAL)
def test_in_a_rehearsal_everybody_has_a_stand_in_of_the_right_descent(name):
    profile, acted = load_profile(name), load_profile(name, rehearse=True)
    assert acted.name == f"{name}-rehearsal" and "REHEARSAL" in acted.note and acted.miniature
    assert (acted.bases, acted.tuned, acted.notebooks) == (profile.bases, profile.tuned, profile.notebooks)
    assert acted.sets == tuple(f"{name} (stand-in)" for name in profile.sets)
    cast = acted.rehearsal.models
    for tuned, base in acted.tuned.items():
        assert mb.get_model(cast[tuned]).base == cast[base]
    models = [acted.model(model) for model in (*acted.bases, *acted.tuned)]
    assert [model.name for model in models] == [*profile.bases, *profile.tuned]
    assert all(model.is_local for model in models) and len({model.key() for model in models}) == len(models)
    assert study_runner.figures_folder(acted) == run_root(acted.name) / "figures"
    # Every base has left something of the hard set's stand-in unsolved, or there would be nothing to judge.
    hard = acted.problems(acted.hard_set)
    assert {problem.set for problem in hard} == {acted.hard_set} == {f"{profile.hard_set} (stand-in)"}
    assert all(hard.unsolved_by(base) for base in acted.bases)


def test_profiles_without_stand_ins_or_with_two_wishes_are_refused():
    with pytest.raises(MathbError, match=r"mini\.toml has no \[rehearse\] table; run the profile without --rehearse"):
        load_profile("mini", rehearse=True)
    with pytest.raises(MathbError, match=r"single-gpu\.toml has no \[quick\] table"):
        load_profile("single-gpu", quick=True)
    with pytest.raises(MathbError, match="leave out --quick or --rehearse"):
        load_profile("mini", quick=True, rehearse=True)


def test_a_rehearsal_takes_real_problems_where_they_are_at_hand(tmp_path, monkeypatch):
    golds = [r"\frac{1}{2}", "3", "4", "5", "-6", "7", "8", "9", "10", "11"]
    rows = [{"unique_id": f"id-{i}", "problem": "x" * (20 - i), "answer": gold} for i, gold in enumerate(golds)]
    (tmp_path / "math500.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    acted = load_profile("single-gpu", rehearse=True)
    assert acted.sets == ("math-500", "aime-2024 (stand-in)", "aime-2025 (stand-in)")
    real = acted.problems("math-500")
    # Half of the rehearsal's 12, the shortest with whole numbers for golds.
    assert (real.name, real.note) == ("math-500", "6 of 10")
    assert [problem.id for problem in real] == ["id-3", "id-5", "id-6", "id-7", "id-8", "id-9"]
    assert acted.problems(acted.sets[1]).name == acted.sets[1]


def test_extending_what_is_not_there_is_said(tmp_path):
    (tmp_path / "more.toml").write_text('extends = "less"\n')
    with pytest.raises(MathbError, match="more.toml extends 'less'; there is no such profile beside it"):
        load_profile(str(tmp_path / "more.toml"))


# -- running one -------------------------------------------------------------------------------------------------------


def test_a_rehearsal_samples_and_draws_and_every_caption_says_so(own, tmp_path, capsys):
    study_runner.reproduce(str(own), rehearse=True)
    folder = tmp_path / "runs" / "own-rehearsal"
    assert "REHEARSAL" in (folder / "figures" / "one.txt").read_text()
    assert "REHEARSAL" in re.search("<h1>.*</h1>", (folder / "index.html").read_text())[0]
    assert "r1-7b" in (folder / "figures" / "one.csv").read_text()
    assert mb.Store().totals()[0] == 2 * 4
    (folder / "figures" / "one.txt").write_text("pass@k of r1-7b")
    with pytest.raises(MathbError, match=r"one\.png does not say that it is a rehearsal"):
        study_runner._every_caption_says_so(folder / "figures")


@pytest.mark.slow
def test_every_line_of_the_largest_profile_runs_here(tmp_path):
    study_runner.reproduce("paper", rehearse=True)
    figures = tmp_path / "runs" / "paper-rehearsal" / "figures"
    assert {"01_base_saturation.png", "03_expansion.png"} <= {picture.name for picture in figures.glob("*.png")}
    reached = (figures / "03_reach.csv").read_text()
    assert all(tuned in reached for tuned in load_profile("paper").tuned)


@pytest.mark.slow
def test_the_quick_experiment_runs_on_a_miniature(checkout, tmp_path):
    parameters = {"model": "mini-base-2", "problems": "mini-math", "first": 5, "attempts": 16}
    executed = mb.report.run_notebook(checkout / "notebooks" / "quick_experiment.py", parameters, tmp_path / "out")
    assert "mini-base-2 on mini-math (5 of 60)" in executed.read_text()


def test_every_profile_has_a_price_on_the_command_line():
    from typer.testing import CliRunner

    for name in profile_names():
        result = CliRunner().invoke(app, ["reproduce", name, "--plan"])
        assert result.exit_code == 0 and "hours at most" in result.stdout, result.output
    assert "20,000 A100 hours; 21 models x 184 problems x 1,024 = 3,956,736 attempts" in price(load_profile("paper"))


def test_a_hard_set_that_says_nothing_of_a_base_is_refused_before_anything_is_sampled(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('extends = "mini"\nhard_set = "mini-aime"\n')
    with pytest.raises(MathbError, match="mini-aime has no column 'mini-base-1_unsolved', so it was not sieved with"):
        study_runner.reproduce(str(own))
    row = {"id": "a", "problem": "1+1?", "answer": "2", "mini-base-1_unsolved": True, "mini-base-2_unsolved": True}
    (tmp_path / "hard.jsonl").write_text(json.dumps(row))
    own.write_text(f'extends = "mini"\nhard_set = "{tmp_path}/hard.jsonl"\n')
    with pytest.raises(MathbError, match="hard does not say in how many attempts mini-base-1 left its problems"):
        study_runner.reproduce(str(own))
    assert mb.Store().totals() == (0, 0)


def test_a_study_takes_the_first_problems_of_a_set_and_asks_a_model_by_its_own_settings(tmp_path, capsys):
    own = tmp_path / "own.toml"
    own.write_text(
        'extends = "mini"\nlimit = { mini-math = 5, mini-aime = 1000 }\n'
        "[asked.all]\ntemperature = 0.5\nmax_tokens = 40\n[asked.mini-base-2]\ntemperature = 0.25\n"
    )
    study = load_profile(str(own))
    whole = mb.load_problems("mini-math")
    assert [p.key for p in study.problems("mini-math")] == [p.key for p in whole][:5]
    assert study.problems("mini-math").note == f"5 of {len(whole)}" and not study.problems("mini-aime").note
    one, two = (study.model(name).sampling for name in ("mini-base-1", "mini-base-2"))
    assert (one.temperature, one.max_tokens, two.temperature, two.max_tokens) == (0.5, 40, 0.25, 40)
    assert study.model("mini-base-1").key() != mb.get_model("mini-base-1").key()
    # Said once, whoever asks how often: otherwise only what the checkpoint says would be seen.
    said = capsys.readouterr().err
    assert said.count("mini-base-1 as given: temperature 0.5, max_tokens 40.") == 1
    assert said.count("mini-base-2 as given: temperature 0.25, max_tokens 40.") == 1
    priced = price_table(study).set_index("model")["problems"]["mini-rl-1"]
    assert priced == price_table(load_profile("mini")).set_index("model")["problems"]["mini-rl-1"] - (len(whole) - 5)
    own.write_text('extends = "mini"\n[asked.all]\ntemprature = 0.5\n')
    with pytest.raises(MathbError, match="temprature"):
        load_profile(str(own))
