"""Filters, funnel, sieve and release: every drop for the right reason, nothing lost on the way."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from functools import partial

import pytest
from engines import CoinEngine

from mathb_kit.construction import (
    check_answers,
    conflicting_golds,
    contamination,
    drop_with_reason,
    duplicates,
    folded,
    freeze,
    integer_golds,
    letters_and_digits,
    prescreen,
    quality,
    run_filters,
    sieve,
    stages_before_sampling,
    write_release,
)
from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.problems import Problem, ProblemSet, load_problems
from mathb_kit.sampling import Completion
from mathb_kit.store import Store

POOL = load_problems("mini-pool")
BENCHMARKS = [load_problems("mini-math"), load_problems("mini-aime")]

# kind of dirt in the pool: (stage that must catch it, category of the reason)
CAUGHT = {
    "exact duplicate": ("duplicates", "exact duplicate"),
    "near duplicate": ("duplicates", "near duplicate"),
    "contaminated": ("contamination", "in a benchmark"),
    "multiple choice": ("quality", "multiple choice"),
    "non-integer gold": ("integer golds", "gold not an integer"),
    "missing picture": ("quality", "needs a picture"),
    "wrong gold": ("answers", "wrong gold"),
    "two golds": ("conflicting golds", "two golds"),
}


def problem(statement: str, gold: str = "1", id: str = "0") -> Problem:
    return Problem("own", id, statement, gold)


def problems(*pairs: tuple[str, str]) -> list[Problem]:
    return [problem(statement, gold, str(number)) for number, (statement, gold) in enumerate(pairs)]


def reasons(filtered) -> dict[str, str]:
    return dict(zip(filtered.dropped["id"], filtered.dropped["reason"]))


# The pool of the miniature


def test_every_kind_of_dirt_is_dropped_for_its_reason_and_every_clean_row_is_kept():
    funnel = run_filters(POOL, stages_before_sampling(BENCHMARKS, exact_answers=True))
    kind = {p.key: p.meta["kind"] for p in POOL}
    assert [kind[p.key] for p in funnel.kept] == ["clean"] * sum(k == "clean" for k in kind.values())
    for row in funnel.dropped.itertuples():
        assert (row.stage, row.reason.split(":")[0]) == CAUGHT[kind[row.problem]], row


def test_the_filters_do_not_read_the_ground_truth():
    blind = [Problem(p.set, p.id, p.statement, p.gold) for p in POOL]
    stages = stages_before_sampling(BENCHMARKS, exact_answers=True)
    assert run_filters(blind, stages).dropped.equals(run_filters(POOL, stages).dropped)


def test_the_counts_of_a_funnel_add_up_and_its_reasons_are_counted():
    funnel = run_filters(POOL, stages_before_sampling(BENCHMARKS, exact_answers=True))
    table = funnel.to_frame()
    assert list(table["stage"]) == [
        "candidates", "quality", "conflicting golds", "duplicates", "integer golds", "contamination", "answers",
    ]  # fmt: skip
    assert table["kept"].iloc[0] == len(POOL)
    assert list(table["kept"].iloc[1:] + table["dropped"].iloc[1:]) == list(table["kept"].iloc[:-1])
    assert len(funnel.dropped) == table["dropped"].sum() == len(POOL) - len(funnel.kept)
    for row in table.itertuples():
        assert sum(map(int, re.findall(r"\d+(?= )", row.reasons))) == row.dropped
    assert table.set_index("stage").loc["quality", "reasons"] == "7 multiple choice, 6 needs a picture"


def test_a_stage_that_was_run_on_something_else_is_refused():
    funnel = run_filters(POOL, [quality])
    with pytest.raises(MathbError, match=f"'duplicates' was not run on the {len(funnel.kept)} problems"):
        funnel.then(duplicates(POOL))


@pytest.mark.parametrize("stage", stages_before_sampling(BENCHMARKS, exact_answers=True))
def test_a_filter_applied_twice_drops_nothing_more(stage):
    once = stage(POOL)
    assert stage(once.kept).kept == once.kept
    assert {p.key for p in once.kept} | set(once.dropped["problem"]) == {p.key for p in POOL}
    assert once.dropped["problem"].is_unique


def test_the_order_of_rows_decides_which_copy_stays_but_not_which_problems():
    stages = [quality, conflicting_golds, duplicates, integer_golds, partial(contamination, benchmarks=BENCHMARKS)]
    expected = {folded(p.statement) for p in run_filters(POOL, stages).kept}
    rows = list(POOL)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        kept = run_filters(rows, stages).kept
        assert {folded(p.statement) for p in kept} == expected and len(kept) == len(expected)


# Quality


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("", "no statement"),
        ("求 $x$ 的值.", "Chinese text"),
        ("Find $\x0crac{1}{2}+\x0crac{1}{2}$.", "broken LaTeX"),
        ("Find $2 \times 3$.", "broken LaTeX"),
        ("Find $x$. Reply in the form \u201cAnswer: \\boxed{<final_answer>}\u201d.", "left-over prompt"),
        ("Find $x$.\nAnswer:", "left-over prompt"),
        ("What is the area?\n[asy]\ndraw((0,0)--(1,1));\n[/asy]", "needs a picture"),
        ("In the adjoining figure, $AB=3$. Find $BC$.", "needs a picture"),
        ("The diagram below shows a square. Find its area.", "needs a picture"),
        ("Three circles touch as shown. Find the radius.", "needs a picture"),
        ("Find $x$.\n$\\textbf{(A)}\\ 1\\qquad\\textbf{(B)}\\ 2\\qquad\\textbf{(C)}\\ 3$", "multiple choice"),
        ("Find $x$. (A) 1 (B) 2 (C) 3", "multiple choice"),
        ("Which is right?\nA. 1\nB. 2\nC. 3", "multiple choice"),
        ("Which of the following is prime: 4, 6, 7?", "multiple choice"),
        # What looks like a fault and is none.
        ("Round to three significant figures: $1/7$.", None),
        ("Points $A'$ and $B'$ are the images of $A$ and $B$ under a rotation.", None),
        ("The first rows are as shown:\n\\[\\begin{array}{c}1\\\\1\\end{array}\\] Find the next.", None),
        ("It can be shown that the sum converges. Find it.", None),
        ("Let $S(A)$ be the sum and $x^2-f(A)x+f(B)=f(C)$. Find $x$.", None),
        ("Points A, B and C lie on a circle.\tFind its radius.\nEqual chords are equal.", None),
    ],
)
def test_quality_names_the_fault(statement, reason):
    assert reasons(quality([problem(statement)])).get("0") == reason


def test_a_problem_without_gold_has_no_quality():
    assert reasons(quality([problem("Find $1+1$.", gold=" ")])) == {"0": "no gold"}


def test_integers_are_kept_with_their_sign_and_separators_of_thousands():
    integers = ["7", "-12", "+3", "$5$", "1,024", "1{,}024", "12,\\!345"]
    others = ["1,02", "0.5", "\\frac{4}{2}", "4,5", "5^\\circ", "x", "1,024.5"]
    rows = problems(*(("Find it.", gold) for gold in integers + others))
    assert [p.gold for p in integer_golds(rows).kept] == integers


# Duplicates


SPELLINGS = [
    "Let $a=48\\cdot 7$, $b=61$. Find $10^{3}a+b$.",
    "Let $a = 48 \\times 7$,\n$b = 61$. Find $10^3 a + b$.",
    "let \\(a=48 * 7\\), \\(b=61\\). Determine \\[10^{3}a + b.\\]",
    "Let $a=48\\cdot7$, $b=61$. What is the value of $10^{3}a+b$?",
    "  LET $a=48\\,\\cdot\\,7$; $b=61$. compute $10^{3}a+b$ ",
]
OTHERS = [
    "Let $a=48\\cdot 7$, $b=61$. Find $10^{3}a-b$.",
    "Let $a=48\\cdot 7$, $b=6$. Find $10^{31}a+b$.",
    "Let $a=487$, $b=61$. Find $10^{3}a+b$.",
    "Let $a=4\\cdot 87$, $b=61$. Find $10^{3}a+b$.",
    "Let $a=48\\cdot 7$, $b=6.1$. Find $10^{3}a+b$.",
    "Let $a=48\\cdot 7$, $b=-61$. Find $10^{3}a+b$.",
    "Let $a=48+7$, $b=61$. Find $10^{3}a+b$.",
]


def test_spellings_of_one_problem_are_one_and_other_numbers_or_signs_make_another():
    result = duplicates(problems(*((text, "1") for text in [*SPELLINGS, SPELLINGS[0], *OTHERS])))
    assert [p.statement for p in result.kept] == [SPELLINGS[0], *OTHERS]
    near = dict.fromkeys("1234", "near duplicate: of own/0")
    assert reasons(result) == {**near, "5": "exact duplicate: of own/0"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("$10^{3}5$", "$10^{35}$"),
        ("$1\\ 2$", "$12$"),
        ("$f(1,2)$", "$f(12)$"),
        ("$x^{2y}$", "$x^{2}y$"),
        ("$5!$", "$5$"),
        ("$u\\times v$", "$u\\cdot v$"),
        ("find the minimum of $f$", "find the maximum of $f$"),
        ("$\\frac{1}{23}$", "$\\frac{12}{3}$"),
        ("$1.5$", "$15$"),
        ("$2n-1$", "$2n+1$"),
        ("$a<b$", "$a\\leq b$"),
    ],
)
def test_folding_keeps_apart_what_is_different(one, other):
    assert folded(one) != folded(other)


def test_no_change_of_a_digit_or_a_sign_is_folded_away():
    for statement in [p.statement for p in POOL if p.meta["kind"] == "clean"][::10]:
        key = folded(statement)
        for place, character in enumerate(statement):
            before, after = statement[:place], statement[place + 1 :]
            swaps = "0123456789" if character.isdigit() else "+-" if character == "+" else ""
            assert all(folded(before + swap + after) != key for swap in swaps.replace(character, ""))
            if character.isdigit():
                assert folded(before + after) != key
                assert not after[:1].isdigit() or folded(f"{before}{character} {after}") != key


def test_copies_with_different_golds_all_go_and_equal_values_do_not_conflict():
    rows = problems(
        ("Find $1+1$.", "2"), ("Determine $1 + 1$.", "3"), ("Find $1+1$.", "2"),
        ("Find $1/2$.", "0.5"), ("Find $1/2$.", "\\frac{1}{2}"), ("Find $7$.", "7"),
    )  # fmt: skip
    result = conflicting_golds(rows)
    assert reasons(result) == dict.fromkeys("012", "two golds: 2 and 3")
    assert [p.id for p in result.kept] == ["3", "4", "5"]


# Contamination


def test_contamination_names_the_benchmark_problem_and_does_not_confuse_short_formulas():
    long = "Let $m$ and $n$ be relatively prime positive integers such that $m/n = 3 - 1/7$. Find $m+n$."
    benchmark = ProblemSet("bench", (Problem("bench", "a", long, "27"), Problem("bench", "b", "Find $2^{x}=10$.", "1")))
    rows = problems(
        (long.replace("$", "").replace(" - ", " \u2013 "), "27"),  # typed anew
        (long.replace("Find", "Determine"), "27"),
        ("Determine $2^x = 10$", "1"),
        ("Find $2x=10$.", "5"),  # the same letters and digits as b
        (long.replace("1/7", "1/9"), "35"),
    )
    assert letters_and_digits(rows[3].statement) == letters_and_digits(benchmark[1].statement)
    found = reasons(contamination(rows, [ProblemSet("empty", ()), benchmark]))
    assert found == {"0": "in a benchmark: bench/a", "1": "in a benchmark: bench/a", "2": "in a benchmark: bench/b"}


# Answers


def test_answers_are_kept_only_where_the_statement_gives_the_gold():
    rows = problems(
        ("Let $a=2+3$. Find $a$.", "5"),
        ("Let $2a=3$. Find $a$.", "\\frac{3}{2}"),
        ("Let $a=1000+24$. Find $a$.", "1,024"),
        ("Let $a=2+3$. Find $a$.", "6"),
        ("How many sides has a square?", "4"),
    )
    result = check_answers(rows)
    assert [p.id for p in result.kept] == ["0", "1", "2"]
    assert reasons(result) == {"3": "wrong gold: 6, the statement gives 5", "4": "unreadable statement"}


# Sieve


class FirstHit:
    """Solves a problem at one known attempt (1-based; None: never). Counts the attempts that it was asked for."""

    def __init__(self, first: dict[str, int | None]) -> None:
        self.first, self.asked = first, Counter()

    def sample(self, chunks):
        for chunk in chunks:
            hit = self.first[chunk.problem_key]
            self.asked[chunk.problem_key] += chunk.size
            indices = range(chunk.first + 1, chunk.first + chunk.size + 1)
            yield chunk, [Completion(f"\\boxed{{{1 if i == hit else 0}}}", 3, "stop") for i in indices]

    def describe(self):
        return {"engine": "first hit"}


CANDIDATES = problems(*((f"Toss number {n}.", "1") for n in range(6)))
MODELS = [Model(name, f"hub/{name}") for name in ("a", "b", "c")]
# First correct attempt of each model at candidates 0 to 5.
HITS = {
    "a": [1, 16, 17, 1024, None, None],
    "b": [2, None, 64, 65, None, None],
    "c": [3, 5, None, 256, None, 1000],
}


def engines() -> dict[str, FirstHit]:
    return {name: FirstHit({p.key: hit for p, hit in zip(CANDIDATES, hits)}) for name, hits in HITS.items()}


def ids(found) -> list[str]:
    return [p.id for p in found]


def test_the_sieve_finds_what_each_model_leaves_unsolved_and_stops_after_the_round_of_the_first_success(tmp_path):
    made = engines()
    result = sieve(CANDIDATES, MODELS, store=Store(tmp_path), engine_for=lambda model: made[model.name])
    unsolved = {model.name: ids(result.unsolved_by(model.name)) for model in MODELS}
    assert unsolved == {"a": ["4", "5"], "b": ["1", "4", "5"], "c": ["2", "4"]}
    assert ids(result.union()) == ["1", "2", "4", "5"]
    assert ids(result.intersection()) == ["4"]
    assert ids(result.intersection(["a", "b"])) == ["4", "5"]
    assert ids(result.union(["a"])) == ["4", "5"]
    assert list(made["a"].asked.values()) == [16, 16, 32, 1024, 1024, 1024]
    assert str(result.plan) == "16/32/64/128/256/512/1024 stop 1"
    assert len(result.table) == 18
    assert set(result.table.columns) >= {"name", "model", "problem", "n", "c", "unsolved"}
    assert reasons(result.filtered()) == dict.fromkeys("03", "solved by every model")


def test_a_smaller_sieve_leaves_more(tmp_path):
    made = engines()
    result = sieve(CANDIDATES, MODELS, 64, store=Store(tmp_path), engine_for=lambda model: made[model.name])
    assert ids(result.unsolved_by("a")) == ["3", "4", "5"]
    assert ids(result.intersection()) == ["3", "4", "5"]
    assert ids(result.union()) == ["1", "2", "3", "4", "5"]


def test_the_prescreen_keeps_what_16_attempts_do_not_solve_and_its_attempts_count_in_the_sieve(tmp_path):
    made, store = engines(), Store(tmp_path)
    screened = prescreen(CANDIDATES, MODELS[0], store=store, engine=made["a"])
    assert ids(screened.kept) == ["2", "3", "4", "5"]
    assert reasons(screened) == dict.fromkeys("01", "solved in 16 attempts: by a")
    result = sieve(screened.kept, MODELS, store=store, engine_for=lambda model: made[model.name])
    assert list(made["a"].asked.values()) == [16, 16, 32, 1024, 1024, 1024]
    funnel = run_filters(CANDIDATES, []).then(screened).then(result.filtered())
    assert list(funnel.to_frame()["kept"]) == [6, 4, 3]


def test_coins_of_a_known_chance_pass_the_prescreen_as_often_as_they_should(tmp_path):
    tosses = problems(*((f"Toss number {n}.", "1") for n in range(200)))
    coin = CoinEngine(chance=0.1)
    kept = prescreen(tosses, MODELS[0], store=Store(tmp_path), engine=coin).kept
    # 0.9^16 = 0.1853 of 200: 37.1, standard deviation 5.5; the seeds are fixed, four deviations either way are allowed.
    assert 15 <= len(kept) <= 59


def test_an_attempt_that_could_not_be_graded_leaves_a_problem_neither_solved_nor_unsolved(tmp_path, monkeypatch):
    from mathb_kit import draw

    def with_failures(verdicts, plan, grader):
        first = (verdicts["index"] == 0) & verdicts["problem"].str.startswith("own/4")
        return outcomes_from_verdicts(
            verdicts.assign(verdict=verdicts["verdict"].mask(first, "grader_failed")), plan, grader
        )

    monkeypatch.setattr(draw, "outcomes_from_verdicts", with_failures)
    made = engines()
    result = sieve(CANDIDATES, MODELS[:1], 16, store=Store(tmp_path), engine_for=lambda model: made[model.name])
    assert ids(result.union()) == ["2", "3", "5"]


def test_a_sieve_needs_models_of_different_names_and_knows_only_its_own(tmp_path):
    with pytest.raises(MathbError, match="different names, not none"):
        sieve(CANDIDATES, [])
    with pytest.raises(MathbError, match=r"different names, not \['a', 'a'\]"):
        sieve(CANDIDATES, [MODELS[0], MODELS[0]])
    made = engines()
    result = sieve(CANDIDATES, MODELS[:2], 16, store=Store(tmp_path), engine_for=lambda model: made[model.name])
    with pytest.raises(MathbError, match="'z' took no part in the sieve; these did: a, b"):
        result.unsolved_by("z")
    with pytest.raises(MathbError, match="at least one model"):
        result.intersection([])


def test_a_release_has_a_column_per_model_and_a_record_beside_it(tmp_path):
    made = engines()
    result = sieve(CANDIDATES, MODELS, store=Store(tmp_path / "store"), engine_for=lambda model: made[model.name])
    funnel = run_filters(CANDIDATES, [quality]).then(result.filtered())
    rows = freeze(result, result.union())
    path = tmp_path / "mini-math-b.jsonl"
    beside = write_release(path, rows, result, funnel)

    loaded = load_problems(path)
    assert [(p.id, p.statement, p.gold) for p in loaded] == [
        (f"{new:03d}", CANDIDATES[old].statement, "1") for new, old in enumerate((1, 2, 4, 5))
    ]
    assert [p.meta["origin"] for p in loaded] == [CANDIDATES[old].key for old in (1, 2, 4, 5)]
    unsolved = {name: [p.meta[f"{name}_unsolved"] for p in loaded] for name in "abc"}
    assert unsolved == {
        "a": [False, False, True, True], "b": [True, False, True, True], "c": [False, True, True, False],
    }  # fmt: skip
    record = json.loads(beside.read_text(encoding="utf-8"))
    assert beside.name == "mini-math-b.provenance.json"
    assert record["models"] == {model.name: model.key() for model in MODELS}
    assert (record["problems"], record["plan"], record["draw"]) == (4, "16/32/64/128/256/512/1024 stop 1", "main")
    assert [stage["kept"] for stage in record["funnel"]] == [6, 6, 4]
    assert record["grader"] == list(result.table["grader"].unique())
    assert {"run_seed", "extractor", "provenance"} <= set(record)

    with pytest.raises(MathbError, match="own/9@.* did not go through the sieve"):
        freeze(result, [problem("Another.", id="9")])
    with pytest.raises(MathbError, match=r"written as \.jsonl, not as set\.csv"):
        write_release(tmp_path / "set.csv", rows, result, funnel)


def test_reasons_and_problems_must_pair_up():
    with pytest.raises(ValueError):
        drop_with_reason("stage", CANDIDATES, [None])


# The real pools; the numbers are those of the data's own README, counted there by other means


@pytest.fixture(scope="module")
def real(data_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHB_DATA_DIR", str(data_folder))
        names = ("dapo-math-17k", "deepscaler", "math-500", "aime-2024", "aime-2025", "amc-23")
        return {name: load_problems(name) for name in names}


def test_dapo_has_the_known_faults(real):
    dapo = real["dapo-math-17k"]
    told = reasons(quality(dapo))
    assert Counter(told.values())["Chinese text"] == 3432
    prompted = [p.id for p in dapo if "Answer: \\boxed" in p.statement]
    assert len(prompted) == 20 and {told[id] for id in prompted} <= {"Chinese text", "left-over prompt"}
    with_form_feed = [p.id for p in dapo if "\x0crac" in p.statement]
    assert len(with_form_feed) == 606 and {told[id] for id in with_form_feed} <= {"broken LaTeX", "Chinese text"}
    assert not integer_golds(dapo).dropped.size
    copies = duplicates(dapo).dropped["reason"].str.split(":").str[0].value_counts()
    assert copies["exact duplicate"] == 627


def test_three_rows_of_deepscaler_have_no_gold(real):
    assert Counter(reasons(quality(real["deepscaler"])).values())["no gold"] == 3


def test_dapo_has_30_disputed_texts_of_which_six_differ_in_a_sign_or_a_digit(real):
    dapo = real["dapo-math-17k"]
    statements = {p.id: p.statement for p in dapo}
    groups = defaultdict(set)
    for id in conflicting_golds(dapo, key=letters_and_digits).dropped["id"]:
        groups[letters_and_digits(statements[id])].add(id)
    assert len(groups) == 30
    finer = set(conflicting_golds(dapo).dropped["id"])
    assert sum(group <= finer for group in groups.values()) == 24
    assert finer <= set().union(*groups.values())


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("dapo-math-17k", {"math-500": 7, "amc-23": 8, "aime-2024": 0, "aime-2025": 0}),
        ("deepscaler", {"math-500": 6, "amc-23": 0, "aime-2024": 0, "aime-2025": 0}),
    ],
)
def test_benchmark_problems_in_the_real_pools_are_found_and_boiler_plate_is_not_taken_for_one(real, pool, expected):
    texts = {letters_and_digits(p.statement) for p in real[pool]}
    for name, count in expected.items():
        typed_alike = {p.id for p in real[name] if letters_and_digits(p.statement) in texts}
        assert len(typed_alike) == count
        result = contamination(real[pool], [real[name]])
        found = {reason.split("/", 1)[1] for reason in result.dropped["reason"]}
        assert typed_alike <= found
        # What is found beyond them is reworded; the pool's gold must then be the benchmark's.
        golds = {p.id: p.gold for p in real[name]}
        pool_gold = {p.key: p.gold for p in real[pool]}
        for row in result.dropped.itertuples():
            id = row.reason.split("/", 1)[1]
            assert id in typed_alike or pool_gold[row.problem] == golds[id]
        assert len(found) <= count + 3


@pytest.mark.slow
def test_the_stages_before_sampling_leave_a_clean_real_pool(real):
    candidates = [*real["dapo-math-17k"], *real["deepscaler"]]
    benchmarks = [real[name] for name in ("math-500", "aime-2024", "aime-2025", "amc-23")]
    funnel = run_filters(candidates, stages_before_sampling(benchmarks, exact_answers=False))
    kept = funnel.kept
    assert len(kept) + len(funnel.dropped) == len(candidates) == 17_917 + 11_658
    assert all(re.fullmatch(r"[-+]?[\d,{}\\!]+", p.gold.strip("$ ")) for p in kept)
    assert len({letters_and_digits(p.statement) for p in kept}) > 0.99 * len(kept)
    assert not any("[asy]" in p.statement or "\x0c" in p.statement for p in kept)
    counts = funnel.to_frame().set_index("stage")["dropped"]
    assert counts["near duplicates"] > 800 and 20 <= counts["near contamination"] <= 40
