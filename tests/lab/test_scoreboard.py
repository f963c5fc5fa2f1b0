"""The scoreboard: what is declared, how rows are scored, the positive control's world, and a whole quick run."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest, ttest_ind

from mathb_kit.errors import MathbError
from mathb_kit.grading import grade
from mathb_kit.lab import composition, many, reading, scores
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.objectives import OBJECTIVES, Batch, get_objective
from mathb_kit.lab.objectives.oreal import oreal_every_token, oreal_not_reshaped
from mathb_kit.lab.objectives.policy_gradient import grpo_early
from mathb_kit.lab.result import Result, others_tokens, read_result, run_scoreboard
from mathb_kit.lab.run import Run, train
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.scoreboard import Bench
from mathb_kit.lab.token_credit import learn_credit
from mathb_kit.lab.tuning import by_rate, not_frozen, tune
from mathb_kit.miniature import evaluate_statement
from mathb_kit.miniature.sets import shipped_sets
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems
from mathb_kit.report.calls import compare_objectives
from mathb_kit.sentences import scoreboard as words
from mathb_kit.statistics import difference_over_runs

ROOT = Path(__file__).parents[2]
BOARD = load_scoreboard()


def batch_of(log_probs, rewards, groups, **more):
    log_probs = torch.tensor(log_probs, requires_grad=True)
    mask = more.pop("mask", torch.ones_like(log_probs).detach())
    return Batch(log_probs, more.pop("old", log_probs.detach()), torch.tensor(rewards), mask, torch.tensor(groups),
                 **more)  # fmt: skip


def test_the_board_holds_what_was_asked_for_and_keeps_its_problems_out_of_training():
    default = BOARD.rows_of()
    assert {"grpo", "raft", "oreal", "oreal-filtered", "oreal-released", "distillation"} <= set(default)
    assert set(default) | set(OBJECTIVES) <= set(BOARD.rows)  # every objective can be asked for
    for row in BOARD.rows.values():
        get_objective(row.objective)
    assert {"zero-gate", "nurl", "pope", "questa", "delta", "prorl", "brorl", "off-policy-distillation"} <= set(default)
    assert "on-policy-distillation" in BOARD.rows
    assert len(BOARD.seeds) >= 8 and len(BOARD.tuning_seeds) >= 3 and not set(BOARD.tuning_seeds) & set(BOARD.seeds)
    assert len(BOARD.problems) >= 200 and len({p.statement for p in BOARD.problems}) == len(BOARD.problems)
    elsewhere = {p.statement for name in shipped_sets() for p in load_problems(name)}
    assert not {p.statement for p in BOARD.problems} & elsewhere
    for problem in BOARD.problems:
        assert evaluate_statement(problem.statement) == int(problem.gold) >= 100_000
    assert {problem.statement for problem in load_scoreboard("quick").problems} != set()


@pytest.mark.parametrize("size", ["full", "long"])
def test_every_row_of_a_board_was_tuned_on_its_settings_of_today_and_the_best_rate_lies_inside_what_was_tried(size):
    board = load_scoreboard(size)
    bench = Bench(board, board.rows_of(), {})
    assert not_frozen(bench) == []
    tried = tune(bench)  # all of it is read
    assert not by_rate(tried)["edge"].any() and set(tried["seed"]) == set(board.tuning_seeds)
    assert set(tried.loc[tried["chosen"], "row"]) == set(board.default_rows)


def test_the_long_board_is_the_full_one_with_fewer_rows_and_a_budget_at_which_the_yardstick_s_curve_is_flat():
    long = load_scoreboard("long")
    changed = {name for name, value in long if value != getattr(BOARD, name)}
    assert changed == {"name", "about", "default_rows", "tokens"}
    curve = pd.read_csv(ROOT / "bench" / "budget.csv").set_index("sampled_tokens")["validation"]
    # A run ends with the step that passes its budget; four attempts at 66 problems, two seeds: standard errors of 0.02.
    ends = {board.name: curve[curve.index >= board.tokens] for board in (BOARD, long)}
    first, later = ends[long.name].iloc[0], ends[long.name].iloc[1:]
    assert later.max() - first < 0.02 and abs(later.mean() - first) < 0.01
    assert first - ends[BOARD.name].iloc[0] > 0.05


def test_a_misspelt_row_is_refused_and_the_yardstick_always_runs():
    with pytest.raises(MathbError, match="no lnog scoreboard .*there are full, quick, long"):
        load_scoreboard("lnog")
    with pytest.raises(MathbError, match=r"no row 'raff' \(did you mean raft\?\)"):
        BOARD.rows_of(["raff"])
    assert list(BOARD.rows_of(["psr"])) == ["grpo", "psr"]
    assert list(BOARD.rows_of(["all"])) == list(BOARD.rows)


def test_a_run_of_fewer_steps_is_the_beginning_of_a_longer_one(tmp_path):
    settings = {"prompts": 2, "group": 4, "seed": 3, "on": "mini-train", "validate": 1}
    logs = []
    for steps in (2, 4):
        folder = train("oreal-every-token", "mini-base-1", steps=steps, to=tmp_path / str(steps), **settings)
        logs.append(read_log(folder).drop(columns=["sampling", "grading", "update"]))
    pd.testing.assert_frame_equal(logs[0], logs[1].head(2))


def outcome(problem, first, draw):
    """16 attempts at a problem, one of them right, or none."""
    return {"problem": problem, "set": "s", "model": "m", "draw": draw, "n": 16, "c": int(first > 0),
            "first_correct": first or None, "plan": "fixed 16", "complete": True}  # fmt: skip


def made_up():
    """Four problems; the reference draw solves a and b."""
    board = BOARD.model_copy(update={"plan": Plan.fixed(16), "seeds": (1, 2)})
    tries = {
        ("mini-base-1", "base", 0): (1, 1, 0, 0),
        ("mini-base-1", "base", 1): (1, 0, 5, 0),
        ("mini-base-1", "base", 2): (1, 1, 0, 0),
        ("grpo", "final", 1): (1, 0, 0, 0),
        ("grpo", "final", 2): (1, 0, 0, 9),
        ("raft", "final", 1): (1, 2, 3, 4),
        ("raft", "final", 2): (1, 2, 3, 0),
    }
    rows = [
        {"row": row, "stage": stage, "seed": seed} | outcome(problem, first, f"{row}-{seed}")
        for (row, stage, seed), firsts in tries.items()
        for problem, first in zip("abcd", firsts)
    ]
    outcomes = pd.DataFrame(rows).astype({"first_correct": "Int64"})
    nothing = pd.DataFrame({"row": [], "seed": []})
    return Result(board, outcomes, nothing, nothing, nothing, nothing, nothing, 0.5)


def test_rows_are_scored_against_one_draw_of_the_base_with_fresh_draws_as_the_null():
    table = scores.score_table(made_up()).set_index("row")
    assert list(table.index) == ["grpo", "raft"]
    # Of c and d, which the reference leaves unsolved, grpo reaches one in two runs and the fresh draws one in two.
    assert table.loc["grpo", "expansion_p"] == 1.0 and table.loc["grpo", "shrinkage_p"] <= 1.0
    # By hand: grpo gains d once in two runs and loses b twice; of the two fresh draws one gains c and loses b.
    assert table.loc["grpo", ["expansion", "shrinkage", "seeds"]].tolist() == [1 / 8, 2 / 8, 2]
    assert table.loc["raft", ["expansion", "shrinkage"]].tolist() == [3 / 8, 0]
    assert (table["expansion_null"] == 1 / 8).all() and (table["shrinkage_null"] == 1 / 8).all()
    # One right attempt of 16 where solved, by anybody: pass@1 gains are differences of counts.
    assert table.loc["grpo", "pass_1"] == pytest.approx((3 / 8 - 4 / 8) / 16)
    assert table.loc["raft", "reach"] == pytest.approx(7 / 8 - 4 / 8)
    for what in ("pass_1", "reach", "expansion", "shrinkage"):
        assert (table[f"{what}_low"] <= table[what]).all() and (table[what] <= table[f"{what}_high"]).all()
    beyond = scores.against_yardstick(made_up()).set_index("row")
    assert beyond.loc["raft", ["reach", "shrinkage"]].tolist() == [4 / 8, -2 / 8]
    assert len(words.scoreboard_sentences(made_up())) == 2
    assert words.yardstick_sentence(made_up(), "raft").startswith("Reach of raft (final): not told apart from grpo.")


def test_every_run_has_its_own_expansion_over_the_reference_draw():
    runs = scores.by_run(made_up()).set_index(["row", "stage", "seed"])
    assert runs.loc[("grpo", "final", 1), ["reach", "expansion", "shrinkage"]].tolist() == [1 / 4, 0, 1 / 4]
    assert runs.loc[("grpo", "final", 2), ["reach", "expansion", "shrinkage"]].tolist() == [2 / 4, 1 / 4, 1 / 4]
    assert runs.loc[("mini-base-1", "base", 1), ["expansion", "shrinkage"]].tolist() == [1 / 4, 1 / 4]
    assert runs.loc[("mini-base-1", "base", 0), ["expansion", "shrinkage"]].isna().all()


def clear_cut():
    """48 problems, five seeds: every draw of the base and every run of grpo reaches half, every run of raft all."""
    names = [f"{number:02d}" for number in range(48)]
    arms = [("mini-base-1", "base", seed, 24) for seed in range(6)]
    arms += [(row, "final", seed, reached) for row, reached in (("grpo", 24), ("raft", 48)) for seed in range(1, 6)]
    rows = [
        {"row": row, "stage": stage, "seed": seed} | outcome(name, int(place < reached), f"{row}-{seed}")
        for row, stage, seed, reached in arms
        for place, name in enumerate(names)
    ]
    board = BOARD.model_copy(update={"plan": Plan.fixed(16), "seeds": (1, 2, 3, 4, 5)})
    board.__dict__["problems"] = tuple(Problem("s", name, name, "1", {}) for name in names)
    outcomes = pd.DataFrame(rows).astype({"first_correct": "Int64"})
    return Result(board, outcomes, *[pd.DataFrame({"row": [], "seed": []})] * 5, 0.5)


def test_what_a_board_cannot_have_seen_follows_from_its_problems_seeds_and_rows():
    result = clear_cut()
    table = reading.comparisons(result).set_index(["row", "question"])
    for word in ("word", "word_all"):
        assert table.loc[("raft", "Expansion"), word] == "more than"
        assert set(table.loc["grpo", word]) == {"not told apart from"}
    assert table.loc[("raft", "Expansion"), "difference"] == pytest.approx(0.5)
    # Nothing but the effect itself would vary here: of 48 problems d shows from d = 1.96 sqrt(d (1 - d) / 48) on.
    d = 1.96**2 / (48 + 1.96**2)
    for question in ("Expansion", "Shrinkage"):
        assert table.loc[("grpo", question), ["shows_half", "shows_mostly"]].min() >= d - 1e-9
    assert "Expansion of raft (more)" in words.verdicts_sentence(result)
    grpo, raft = words.expands_sentences(result)
    assert "raft (5 runs)" in raft and "it reaches more than a frozen base, for all rows at once" in raft
    assert "it is not told apart from a frozen base (p = 1," in grpo
    told = " ".join(words.limits_sentences(result))
    # By hand: 48 - 24 left to gain; no draw expands, and 0.025 is the chance of one problem or more at p = 0.053 %.
    assert "reaches 24 of 48 problems" in told and "more than 24 or shrink by more than 24" in told
    assert "leaves it out only from 1 of 48" in told
    assert "2 rows and 3 questions are 6 words" in told and "0.3 of them would be wrong" in told
    assert "grpo 0 of 2, raft 0 of 2" in words.matched_sentence(result)


def test_an_effect_that_is_said_to_show_does_so_in_simulated_boards():
    rng, problems = np.random.default_rng(0), 60
    rates = np.r_[np.ones(32), np.zeros(20), np.linspace(0.05, 0.5, 8)]  # solid, hopeless, now and then

    def board(gained: int) -> tuple[float, float, float]:
        """Three seeds of a row that truly gained so many problems beside four draws of its base."""
        tuned = rates.copy()
        tuned[rng.choice(np.flatnonzero(rates == 0), gained, replace=False)] = 1
        arms = [(rng.random((runs, problems)) < p).astype(float) for runs, p in ((3, tuned), (4, rates))]
        return difference_over_runs(*arms, resamples=500)

    def share_shown(gained: int) -> float:
        return float(np.mean([board(gained)[1] > 0 for _ in range(120)]))

    widths = [(value, (high - low) / 2) for value, low, high in (board(0) for _ in range(40))]
    half, mostly = np.median([reading.visible_effect(problems, *each) for each in widths], axis=0) * problems
    assert share_shown(int(half)) <= 0.6 and share_shown(int(half) + 1) >= 0.4
    assert share_shown(int(mostly) - 1) <= 0.85 and share_shown(int(mostly) + 1) >= 0.75
    assert share_shown(round(float(np.median(widths, axis=0)[1]) * problems)) < 0.3  # what half a width by itself shows


def test_the_smallest_visible_count_is_the_first_whose_exact_interval_lies_above_the_null():
    for problems, null in ((48, 0.0), (48, 2 / 48), (24, 0.3), (5, 1.0)):
        above = [c for c in range(problems + 1) if binomtest(c, problems).proportion_ci(method="exact").low > null]
        assert reading.smallest_visible(problems, null) == (above[0] if above else problems + 1)


def test_wider_intervals_keep_their_promise_over_few_runs_and_many_comparisons():
    rng = np.random.default_rng(3)
    seeds = rng.normal(size=(20_000, 5))
    # The percentile bootstrap of a mean of five, in its normal form: the spread is that of the sample itself.
    half = 1.96 * seeds.std(axis=1) / np.sqrt(5)
    as_it_is = (abs(seeds.mean(axis=1)) <= half).mean()
    widened = (abs(seeds.mean(axis=1)) <= half * reading.few_runs_factor(5)).mean()
    assert as_it_is < 0.86 and widened == pytest.approx(0.95, abs=0.006)
    words = abs(rng.normal(size=(20_000, 24))) > 1.96 * reading.simultaneous_factor(24)
    assert words.any(axis=1).mean() == pytest.approx(1 - (1 - 0.05 / 24) ** 24, abs=0.006)
    assert reading.simultaneous_factor(1) == 1 and reading.few_runs_factor(1) == float("inf")


def test_the_interval_of_a_difference_agrees_with_the_normal_one_and_never_closes_on_a_guess():
    rng = np.random.default_rng(5)
    ours, theirs = rng.normal(1.0, 1.0, (1, 400)), rng.normal(0.0, 1.0, (1, 400))
    value, low, high = difference_over_runs(ours, theirs)
    half = 1.96 * np.std(ours - theirs) / np.sqrt(400)
    assert value == pytest.approx(np.mean(ours - theirs))
    assert low == pytest.approx(value - half, abs=0.1 * half) and high == pytest.approx(value + half, abs=0.1 * half)
    # 48 problems without any difference: up to 1 - 0.025 ** (1/48) of them may differ, one way or the other.
    same = np.zeros((5, 48))
    assert difference_over_runs(same, same) == pytest.approx((0, -(1 - 0.025 ** (1 / 48)), 1 - 0.025 ** (1 / 48)))


def test_what_others_wrote_or_scored_for_a_run_is_counted_apart():
    guided = pd.DataFrame({"reward": [0.1, 0.2], "sampled_tokens": [100, 200], "given_tokens": [3, 4]})
    assert others_tokens(guided) == 7
    taught = guided.drop(columns="given_tokens").assign(teacher_tokens=[100, 100])
    assert others_tokens(taught) == 200 and others_tokens(guided[["reward", "sampled_tokens"]]) == 0
    supervised = pd.DataFrame({"reward": [None, None], "sampled_tokens": [100, 200]})
    assert others_tokens(supervised) == 200


def test_a_result_is_read_back_as_it_was_saved_and_not_under_other_settings():
    result = made_up()
    result.save()
    again = read_result(result.board)
    pd.testing.assert_frame_equal(scores.score_table(again), scores.score_table(result))
    assert read_result(result.board.model_copy(update={"tokens": 1})) is None


def test_early_grpo_reinforces_the_first_tokens_and_holds_the_others_to_the_base():
    # One group, right and wrong: advantages +-1/sqrt(2) (unbiased std); the wrong attempt has two tokens.
    batch = batch_of([[-1.0, -1.0, -1.0], [-1.0, -1.0, 0.0]], [1.0, 0.0], [0, 0],
                     mask=torch.tensor([[1.0, 1, 1], [1, 1, 0]]),
                     reference_log_probs=torch.tensor([[-1.0, -1.0, -1.5], [-1.0, -1.0, 0.0]]))  # fmt: skip
    loss = grpo_early(batch, first=2, kl=3.0)
    loss.backward()
    advantage = 0.5 / (0.5**0.5 + 1e-4)
    gradient = 3.0 * (1 - np.exp(-0.5)) / 2  # of kl (exp(d) - d - 1) with d = -0.5, one token, two attempts
    by_hand = [[-advantage / 4, -advantage / 4, gradient], [advantage / 4, advantage / 4, 0]]
    torch.testing.assert_close(batch.log_probs.grad, torch.tensor(by_hand, dtype=torch.float32))
    assert float(loss.detach()) == pytest.approx(3.0 * (np.exp(-0.5) + 0.5 - 1) / 2)


def test_ablations_of_oreal_by_hand():
    # Group 0: one right, one wrong of four (pass rate 1/4, two attempts not kept); two tokens each.
    half = float(np.log(3))  # sigmoid = 3/4, so w+ = 1/2 where the score is positive, w- = 1/2 where negative
    scores_ = torch.tensor([[half, half], [-half, -half], [0.0, 0], [0, 0]])
    kept = torch.tensor([True, True, False, False])
    made = {"rewards": [1.0, 0, 0, 0], "groups": [0] * 4, "token_scores": scores_, "kept": kept}
    for loss, right, wrong in (
        (oreal_every_token, 1.0, 0.5 * 0.75),  # weights 1, eta (1 - p)
        (oreal_not_reshaped, 0.5, 0.5 * 0.5),  # weights 1/2, eta alone
        (OBJECTIVES["oreal"].loss, 0.5, 0.5 * 0.75 * 0.5),
    ):
        batch = batch_of([[-1.0, -1.0]] * 4, **made)
        loss(batch).backward()
        by_hand = torch.tensor([[-right / 2] * 2, [wrong / 2] * 2, [0.0, 0], [0, 0]])
        torch.testing.assert_close(batch.log_probs.grad, by_hand)


def test_the_composition_world_is_right_only_if_every_step_is_careful():
    rng = random.Random(1)
    for parts in (1, 2, 4):
        for _ in range(20):
            sums = composition.draw_sums(rng, parts)
            assert evaluate_statement(sums.statement) == sums.gold
            for careful in ([True] * parts, [True] * (parts - 1) + [False], [False] * parts):
                verdict = grade(str(sums.gold), sums.solution(careful)).verdict
                assert verdict == ("correct" if all(careful) else "wrong")


def test_the_composition_worlds_problems_are_kept_apart_and_its_corpus_is_as_careless_as_declared():
    settings = BOARD.composition
    held_out = composition.many_step_problems(settings)
    pool = composition.training_pool(settings)
    assert {p.meta["steps"] for p in held_out} == {settings.parts}
    assert {p.meta["steps"] for p in pool} == set(settings.trained_on) and len(pool) == settings.training_problems
    stream = composition.corpus(settings, 0.75)
    drawn = [next(stream) for _ in range(2000)]
    assert not {p.statement for p in held_out} & {statement for statement, _ in drawn}
    steps = [word for _, solution in drawn for word in re.findall("Carefully|Quickly", solution)]
    share = steps.count("Carefully") / len(steps)
    for chained in (0.0, 0.3):
        stream = composition.corpus(settings, chained)
        several = sum(next(stream)[1].count(";") > 1 for _ in range(1000)) / 1000
        assert several == pytest.approx(chained, abs=4 * (chained * (1 - chained) / 1000) ** 0.5)
    share = steps.count("Carefully") / len(steps)
    assert share == pytest.approx(settings.careful, abs=4 * (0.15 * 0.85 / len(steps)) ** 0.5)


def test_token_credit_covers_every_token_and_comes_from_the_verdicts():
    model = learn_credit("mini-base-1", steps=8, batch=(4, 8))
    assert model.losses[0] == pytest.approx(np.log(2), abs=1e-5)  # a zero head knows nothing
    problem = load_problems("mini-math")[45]
    attempts = model.attempts(problem, 8)
    credit = model.credit(attempts)
    for row, rows in credit.groupby("attempt"):
        assert "".join(rows["token"]) == model.engine.tokenizer.decode(attempts.completions[row])
        text = "".join(rows["token"]).removesuffix("</s>")
        assert (grade(problem.gold, text).verdict == "correct") == rows["correct"].iloc[0]
    # The last running mean is the score that the reward model was trained on; weights are its sigmoid, spread to +-1.
    assert np.allclose(credit["weight"], 2 / (1 + np.exp(-credit["mean_score"])) - 1, atol=1e-5)


@pytest.mark.slow
def test_a_run_that_fails_is_noted_and_the_others_go_on(tmp_path):
    small = {"steps": 1, "prompts": 2, "group": 2}
    runs = {
        "bad": Run.of("no-such-objective", to=tmp_path / "bad", **small),
        "good": Run.of("grpo", to=tmp_path / "good", **small),
    }
    bench = Bench(BOARD, {}, {})
    assert bench.train(runs) == {"good": tmp_path / "good"}
    assert "no-such-objective" in bench.failures[str(tmp_path / "bad")]


@pytest.mark.slow
def test_the_quick_scoreboard_runs_to_its_page_and_a_second_call_trains_nothing(monkeypatch):
    board, some = load_scoreboard("quick"), ("grpo", "oreal", "distillation")  # the course runs all
    assert compare_objectives(some, size="quick").with_suffix(".html").is_file()
    result = read_result(board)
    finals = result.outcomes[result.outcomes["stage"] == "final"]
    assert set(finals["row"]) == set(board.rows_of(some))
    assert (finals.groupby("row").size() == len(board.problems)).all()
    assert by_rate(result.tried).groupby("row")["chosen"].sum().eq(1).all()
    assert set(result.tried["learning_rate"]) == set(board.learning_rates)
    assert result.runs.query("stage == 'final'")["sampled_tokens"].ge(board.tokens).all()
    assert {"08_scoreboard.png", "08_plane.png"} <= {path.name for path in (board.folder / "figures").iterdir()}

    monkeypatch.setattr(many, "_start", lambda: pytest.fail("trained again"))
    pd.testing.assert_frame_equal(
        scores.score_table(run_scoreboard(board, some)), scores.score_table(result), check_exact=False
    )
    more = reading.with_objective(result, get_objective("rloo"))
    assert "rloo" in set(scores.score_table(more)["row"])
    assert json.loads((board.folder / "result" / "result.json").read_text())["settings"]["name"] == board.name


def test_words_of_runs_are_those_of_welchs_test_and_runs_all_alike_have_none():
    generator = np.random.default_rng(0)
    for _ in range(50):
        ours, theirs = generator.normal(generator.normal(), 1, 5), generator.normal(0, generator.uniform(0.1, 2), 4)
        low, high = ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
        expected = "more than" if low > 0 else "less than" if high < 0 else "not told apart from"
        assert reading._word_of_runs(ours, theirs) == expected
    assert reading._word_of_runs(np.full(5, 0.1), np.full(4, 0.3)) == reading._word_of_runs(ours[:1], theirs) == ""


def test_every_world_of_the_positive_control_has_its_own_base_beside_it():
    tries = {  # problems reached in 16 attempts, of four
        ("often", composition.BASE, 0): (1, 0, 0, 0), ("often", composition.BASE, 1): (1, 1, 0, 0),
        ("often", "grpo", 1): (1, 1, 1, 0), ("never", composition.BASE, 0): (0, 0, 0, 0),
        ("never", composition.BASE, 1): (0, 0, 0, 0), ("never", "grpo", 1): (1, 0, 0, 0),
    }  # fmt: skip
    rows = [
        {"world": world, "row": row, "seed": seed} | outcome(problem, first, f"{world}-{row}-{seed}")
        for (world, row, seed), firsts in tries.items()
        for problem, first in zip("abcd", firsts)
    ]
    outcomes = pd.DataFrame(rows).astype({"first_correct": "Int64"})
    table = composition.composition_table(outcomes, 16).set_index(["world", "row"])
    assert table.loc[("often", "grpo"), ["reach", "expansion"]].tolist() == [3 / 4, 2 / 4]
    assert table.loc[("often", composition.BASE), ["reach", "expansion"]].tolist() == [2 / 4, 1 / 4]
    assert table.loc[("never", "grpo"), ["reach", "expansion"]].tolist() == [1 / 4, 1 / 4]
    beside = composition.beside_frozen(outcomes, 16).set_index("world")
    assert beside.loc["often", ["reached", "base_reached", "difference"]].tolist() == [3, 2, 1 / 4]
    assert beside.loc["never", ["reached", "base_reached", "difference"]].tolist() == [1, 0, 1 / 4]
