from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.sentences import plan_sentence, redraw_plan_sentence
from mathb_kit.statistics.adaptive import count_paths, exact_pass_at_k
from mathb_kit.statistics.forecast import _shares
from mathb_kit.statistics.planning import QUESTIONS, PlanRequest, candidate_plans, choose_plan, most_savings, plan_cost
from mathb_kit.statistics.redraw_plan import RedrawRequest, plan_redraws
from mathb_kit.statistics.success_rates import SuccessRates, beta_success_rates

Z = 1.959963984540054
MIXED = {Fraction(0): Fraction(1, 4), Fraction(1, 8): Fraction(3, 8), Fraction(1, 2): Fraction(1, 4), 1: Fraction(1, 8)}
STUDY = [Plan.up_to(1024, stop=1, chunk=4), Plan.up_to(1024, stop=2), Plan((16, 64, 256, 1024), stop=4)]


def success_rates(spread: dict) -> SuccessRates:
    return SuccessRates(*(np.array(list(map(float, part))) for part in (spread, spread.values())))


def walk(plan: Plan, p: Fraction) -> dict[tuple[int, int], Fraction]:
    """Chance of each end point, one attempt at a time."""
    going, ended = {(0, 0): Fraction(1)}, defaultdict(Fraction)
    while going:
        then = defaultdict(Fraction)
        for (n, c), chance in going.items():
            for hit, share in ((0, 1 - p), (1, p)):
                then[n + 1, c + hit] += chance * share
        going = {end: chance for end, chance in then.items() if plan.continues(*end)}
        for end in then.keys() - going.keys():
            ended[end] += then[end]
    return ended


@pytest.mark.parametrize(
    "plan",
    [
        Plan((2, 4, 8), stop=2, chunk=2),
        Plan((1, 2, 5, 9), stop=1, chunk=1),
        Plan((3, 7), stop=5, chunk=1),
        Plan.fixed(6),
    ],
    ids=str,
)
def test_attempts_and_widths_are_those_of_a_walk_through_every_end_point(plan):
    by_rate = {p: walk(plan, p) for p in MIXED}
    ks = range(1, plan.n_max + 1)
    table = plan_cost(success_rates(MIXED), plan, ks, problems=40, tokens_per_attempt=100)
    attempts = sum(MIXED[p] * chance * n for p, ends in by_rate.items() for (n, _), chance in ends.items())
    assert table["attempts"].to_numpy() == pytest.approx(float(40 * attempts), rel=1e-12)
    assert table["tokens"].to_numpy() == pytest.approx(float(4000 * attempts), rel=1e-12)
    for k in ks:
        truth = {p: 1 - (1 - p) ** k for p in MIXED}
        second_moment = Fraction(0)
        for end in set().union(*by_rate.values()):
            joint = {p: MIXED[p] * ends.get(end, 0) for p, ends in by_rate.items()}
            chance = sum(joint.values())
            if chance:
                second_moment += chance * exact_pass_at_k(plan, *end, k) ** 2
        pass_at_k = sum(MIXED[p] * truth[p] for p in MIXED)
        rows = table[table["k"] == k].set_index("question")
        within = second_moment - sum(MIXED[p] * truth[p] ** 2 for p in MIXED)
        for question, variance in (("problems", second_moment - pass_at_k**2), ("attempts", within)):
            row = rows.loc[QUESTIONS[question]]
            assert row["pass_at_k"] == pytest.approx(float(pass_at_k), rel=1e-12)
            assert row["width"] == pytest.approx(2 * Z * math.sqrt(variance / 40), rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("plan", [*STUDY, Plan.fixed(1024)], ids=str)
def test_a_simulated_run_takes_the_forecast_attempts_and_scatters_as_forecast(plan):
    rates, problems, ks = beta_success_rates(0.3, 1.2, 0.4), 40_000, [1, 16, 1024]
    rng = np.random.default_rng(5)
    p = rng.choice(rates.rates, problems, p=rates.weights)
    n, c = np.zeros(problems, dtype=int), np.zeros(problems, dtype=int)
    for start, end in zip((0, *plan.rounds), plan.rounds):
        going = n == start if start == 0 or plan.stop is None else (n == start) & (c < plan.stop)
        c[going] += rng.binomial(end - start, p[going])
        n[going] = end
    table = plan_cost(rates, plan, ks, problems=problems)
    assert n.mean() == pytest.approx(table["attempts"].iloc[0] / problems, abs=4 * n.std() / math.sqrt(problems) + 1e-9)
    ends, which = np.unique(np.stack([n, c]), axis=1, return_inverse=True)
    for k in ks:
        estimates = np.array([float(exact_pass_at_k(plan, *end, k)) for end in ends.T.tolist()])[which]
        noise = (estimates - (1 - (1 - p) ** k)) ** 2
        for question, squares in (("problems", (estimates - estimates.mean()) ** 2), ("attempts", noise)):
            row = table[(table["k"] == k) & (table["question"] == QUESTIONS[question])].iloc[0]
            variance = problems * (row["width"] / (2 * Z)) ** 2
            assert squares.mean() == pytest.approx(variance, abs=4 * squares.std() / math.sqrt(problems))


def test_at_n_max_all_plans_are_equally_wide_and_single_attempts_with_stop_1_meet_the_bound():
    rates = beta_success_rates(0.3, 1.2, 0.4)
    finest = Plan(tuple(range(1, 257)), stop=1, chunk=1)
    plans = (finest, *(Plan.up_to(256, stop) for stop in (1, 2, 4, 8)), Plan.fixed(256))
    costs = [plan_cost(rates, plan, [256], problems=100) for plan in plans]
    for place in (0, 1):  # both questions
        assert len({round(cost["width"][place], 10) for cost in costs}) == 1
    ratios = [cost["ratio"][1] for cost in costs]
    assert ratios == sorted(ratios, reverse=True) and ratios[-1] == pytest.approx(1)
    # E min(T, n) = P(T > 0) + ... + P(T > n - 1)
    assert most_savings(success_rates({0.25: 1.0}), 3) == pytest.approx(3 / (1 + 0.75 + 0.75**2), rel=1e-12)
    assert most_savings(success_rates({0.0: 0.5, 1.0: 0.5}), 9) == pytest.approx(9 / 5)
    assert ratios[0] == pytest.approx(most_savings(rates, 256), rel=1e-9)


def test_fixed_n_of_equal_width_lies_between_the_whole_numbers_whose_widths_enclose_it():
    rates, plan = beta_success_rates(0.5, 2.0, 0.2), Plan.up_to(128, stop=2)
    for row in plan_cost(rates, plan, [1, 4, 100], problems=50).itertuples():
        fewer, more = (
            plan_cost(rates, Plan.fixed(n), [row.k], problems=50).set_index("question")["width"][row.question]
            for n in (max(row.k, math.floor(row.fixed_n)), math.ceil(row.fixed_n))
        )
        if row.fixed_n > row.k:
            assert more <= row.width * (1 + 1e-9) and row.width <= fewer * (1 + 1e-9) and row.fixed_width == row.width
        else:
            assert row.fixed_width == pytest.approx(fewer) and fewer <= row.width
        assert row.ratio == pytest.approx(row.fixed_n * 50 / row.attempts)
    fixed = plan_cost(rates, Plan.fixed(40), [1, 7, 40], problems=50)
    assert fixed["fixed_n"].to_numpy() == pytest.approx(40, rel=1e-6)


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_the_chosen_plan_is_the_cheapest_of_the_family_that_is_narrow_enough(question):
    rates, ks = beta_success_rates(0.4, 1.5, 0.1), [4, 64]
    family = candidate_plans(64, 64)
    assert {str(plan) for plan in family} >= {"fixed 64", "4/8/16/32/64 stop 1", "16/64 stop 8", "32/64 stop 3"}
    costs = {str(plan): plan_cost(rates, plan, ks, problems=200) for plan in family}
    widest = {
        name: cost.loc[cost["question"] == QUESTIONS[question], "width"].max() for name, cost in costs.items()
    }
    attempts = {name: cost["attempts"].iloc[0] for name, cost in costs.items()}
    target = (min(widest.values()) + max(widest.values())) / 2
    chosen = choose_plan(rates, PlanRequest(64, 200, ks, question), target_width=target)
    enough = [name for name in widest if widest[name] <= target]
    assert 0 < len(enough) < len(family)
    assert str(chosen.plan) == chosen.table["plan"][0] == min(enough, key=attempts.get)
    assert set(chosen.table.loc[chosen.table["enough"], "plan"]) == set(enough)
    assert (chosen.table.loc[chosen.table["enough"], "attempts"].diff().dropna() >= 0).all()

    budget = np.median(list(attempts.values()))
    afforded = choose_plan(rates, PlanRequest(64, 200, ks, question), budget=budget)
    assert attempts[str(afforded.plan)] <= budget
    assert widest[str(afforded.plan)] <= 1.01 * min(widest[name] for name in attempts if attempts[name] <= budget)


def test_the_sentence_says_where_nothing_is_saved():
    mixed = beta_success_rates(0.3, 1.2, 0.4)
    said = plan_sentence(choose_plan(mixed, PlanRequest(256, 100, tokens_per_attempt=1e4)))
    assert re.search(r"million tokens.*at k = 1 it saves nothing: fixed n = \d.*at k = 256 it takes \d\.\d times", said)
    assert f"no unbiased plan can save more than {most_savings(mixed, 256):.1f} times" in said
    assert "an adaptive plan saves nothing here" in plan_sentence(choose_plan(mixed, PlanRequest(256, 100, [1])))
    never = choose_plan(success_rates({0.0: 1.0}), PlanRequest(64, 5))
    assert "every attempt is needed" in plan_sentence(never) and never.table["attempts"][0] == 5 * 64


def test_the_problems_said_to_suffice_for_a_width_do():
    rates = beta_success_rates(0.3, 1.2)

    def choose(problems: int):
        return choose_plan(rates, PlanRequest(64, problems, question="problems"), target_width=0.02)

    with pytest.raises(MathbError, match=r"reaches width 0\.02 with 100 problems \(problems as a sample\)") as error:
        choose(100)
    needed = int(re.search(r"take about ([\d,]+) problems", str(error.value))[1].replace(",", ""))
    assert choose(needed).table["width@64"][0] <= 0.02
    with pytest.raises(MathbError, match="ask for a wider"):
        choose(needed - 5)


def run(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *map(str, words)])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.stderr if status else result.stdout


def test_mathb_plan_prints_the_sentence_and_the_rivals():
    said = run("--beta", 0.5, 2, "--zero", 0.2, "--problems", 50, "--n-max", 64, "--tokens-per-attempt", 10)
    chosen = choose_plan(beta_success_rates(0.5, 2, 0.2), PlanRequest(64, 50, tokens_per_attempt=10))
    assert said.startswith(plan_sentence(chosen) + "\n") and all(plan in said for plan in chosen.table["plan"][:5])


def test_a_plan_of_tens_of_thousands_of_attempts_is_chosen_as_well():
    """Every plan that ends there is as wide, and rounds of single attempts would cost E min(T, n) (most_savings)."""
    rates = beta_success_rates(0.5, 2)
    choice = choose_plan(rates, PlanRequest(20_000, 50))
    assert str(choice.plan).endswith("/20000 stop 1")
    saved = 50 * 20_000 / choice.table["attempts"][0]
    assert 0.8 * most_savings(rates, 20_000) < saved < most_savings(rates, 20_000)


def test_shares_of_a_plan_are_right_at_thousands_of_attempts():
    plan = Plan((16, 64, 256, 1024, 4096), stop=3)
    n, c, share, failing = _shares(plan, (1, 300, 4096))
    at = {end: place for place, end in enumerate(zip(n.tolist(), c.tolist()))}
    for end in ((16, 3), (64, 40), (1024, 3), (1024, 900), (4096, 0), (4096, 2), (4096, 1500)):
        if (paths := count_paths(plan, *end)) == 0:
            assert end not in at
            continue
        assert share[at[end]] == pytest.approx(float(Fraction(paths, math.comb(*end))), rel=1e-9)
        for row, k in enumerate((1, 300, 4096)):
            exact = float(1 - exact_pass_at_k(plan, *end, k))
            assert failing[row, at[end]] == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_mathb_plan_fits_a_pilot(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"n": 64, "c": int(c)} for c in rng.binomial(64, np.where(np.arange(200) < 80, 0, rng.beta(0.6, 2, 200)))]
    (tmp_path / "pilot.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "pilot.csv").write_text("n,c\n" + "".join(f"{row['n']},{row['c']}\n" for row in rows))
    said = [run("--pilot", tmp_path / name, "--n-max", 64) for name in ("pilot.csv", "pilot.jsonl")]
    assert said[0] == said[1] and "at 200 problems" in said[0]
    floor = 200 * np.mean([1 / (r["c"] / 64) * (1 - (1 - r["c"] / 64) ** 64) if r["c"] else 64 for r in rows])
    attempts = int(re.search(r"([\d,]+) attempts expected", said[0])[1].replace(",", ""))
    assert floor < attempts < 1.5 * floor


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either --pilot FILE or --beta A B"),
        (["--beta", 1, 1, "--pilot", "x.csv"], "either --pilot FILE or --beta A B"),
        (["--beta", 1, 1], "Give --problems"),
        (["--beta", 1, 1, "--problems", 9, "--k", 2000], "k = 1 to 1,024, not 2000"),
        (["--beta", 1, 1, "--problems", 9, "--n-max", 64, "--budget", 3], "stays within 3 attempts.*raise the budget"),
        (["--beta", 1, 1, "--problems", 9, "--budget", 3, "--width", 1], "a width or a budget, not both"),
        (["--beta", 1, 1, "--problems", 9, "--question", "x"], "choose 'attempts' or 'problems'"),
        (["--pilot", "absent.csv"], "no file absent.csv"),
        (["--beta", 1, 1, "--problems", 9, "--redraws", 4], "say which: --expansion 0.1"),
        (["--beta", 1, 9, "--expansion", 0.1, "--width", 1], "leave those out"),
        (["--beta", 1, 9, "--expansion", 0.99, "--n-max", 64], "so a gain lies between 0 and"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(words, message):
    said = run(*words, status=2)
    assert re.search(message, said) and said.count("\n") == 1


def test_mathb_plan_sizes_a_comparison_and_says_what_a_given_size_can_see():
    words = ["--beta", 0.3, 4, "--zero", 0.2, "--n-max", 64, "--stop", 2, "--expansion", 0.1, "--redraws", 2]
    said = run(*words, "--seeds", 1, "--problems", 26)
    rates = beta_success_rates(0.3, 4, 0.2)
    chosen = plan_redraws(rates, RedrawRequest(0.1, 64, 2, 2, 1))
    assert said.startswith(redraw_plan_sentence(chosen) + "\nOn 26 problems beside 2 re-draws and with 1 seed, a gain")
    record = json.loads(run(*words, "--seeds", 1, "--json"))
    assert record["per_set"][0]["problems"] == chosen.per_set["problems"][0] and record["plan"] == "16/64 stop 2"
