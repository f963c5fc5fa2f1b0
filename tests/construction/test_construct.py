"""A construction from its settings file to a folder: every stage in its place, resumable, nothing sampled twice."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from mathb_kit.construction.construct import attempts_at_most, construct, funnel_before_models, subsample
from mathb_kit.construction.construction import Construction, load_construction
from mathb_kit.errors import MathbError
from mathb_kit.miniature import evaluate_statement
from mathb_kit.models import get_model
from mathb_kit.problems import load_problems
from mathb_kit.sampling import Completion, get_engine
from mathb_kit.store import Store

SETTINGS = """
pool = ["mini-pool"]
benchmarks = ["mini-math", "mini-aime"]
candidates = 30
rater = "rater"
least_difficulty = 3
screen = "mini-base-3"
screen_attempts = 4
verifiers = ["oracle"]
models = ["mini-base-1", "mini-base-2"]
attempts = 8
retest_attempts = 4
licence = "apache-2.0"
"""
STRANGERS = """
[oracle]
hub = "someone/oracle"
prompt = "{problem}"
revision = "1111111111111111111111111111111111111111"

[rater]
hub = "someone/rater"
prompt = "{problem}"
revision = "2222222222222222222222222222222222222222"
"""


class Oracle:
    """Reads the miniature's statements exactly; as a rater it calls long ones hard."""

    def sample(self, chunks):
        for chunk in chunks:
            rated = "Rate how difficult" in chunk.prompt
            statement = chunk.prompt.split("Problem:\n")[-1]
            answer = (2 if len(statement) < 35 else 7) if rated else evaluate_statement(statement)
            yield chunk, [Completion(f"\\boxed{{{answer}}}", 1, "stop")] * chunk.size

    def describe(self):
        return {"engine": "oracle"}


class Tires:
    """The engine of a model, which breaks down after so many chunks."""

    def __init__(self, engine, chunks: int) -> None:
        self.engine, self.left = engine, chunks

    def sample(self, chunks):
        for result in self.engine.sample(chunks):
            if not self.left:
                raise ConnectionError("gone")
            self.left -= 1
            yield result

    def describe(self):
        return self.engine.describe()


def engine_for(model):
    return Oracle() if model.name in ("oracle", "rater") else get_engine(model)


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Construction:
    (tmp_path / "models.toml").write_text(STRANGERS)
    monkeypatch.setenv("MATHB_MODELS", str(tmp_path / "models.toml"))
    (tmp_path / "next-math-b.toml").write_text(SETTINGS)
    return load_construction(tmp_path / "next-math-b.toml")


def test_a_construction_runs_from_its_file_to_a_folder_and_goes_on_where_it_broke_down(settings, tmp_path):
    import datasets

    store = Store(tmp_path / "store")
    sieving = Tires(get_engine(get_model("mini-base-2")), 5)
    with pytest.raises(ConnectionError):
        construct(settings, store=store, engine_for=lambda m: sieving if m.name == "mini-base-2" else engine_for(m))
    before, _ = store.totals()
    made = construct(settings, tmp_path / "set", store=store, engine_for=engine_for)
    after, _ = store.totals()
    assert 0 < before < after

    stages = list(made.funnel.to_frame()["stage"])
    assert stages[0] == "candidates"
    assert stages[-5:] == ["subsample", "difficulty", "pre-screen", "agreement", "sieve"]
    counts = made.funnel.to_frame().set_index("stage")
    assert counts.loc["subsample", "kept"] == 30
    kinds = {problem.key: problem.meta["kind"] for problem in load_problems("mini-pool")}
    reasons = made.funnel.dropped.groupby("stage")["problem"].apply(list)
    assert {kinds[key] for key in reasons["agreement"]} == {"wrong gold"}
    assert all(kinds[problem.key] != "wrong gold" for problem in made.sieve.problems)
    assert all(len(problem.statement) >= 35 for problem in made.sieve.problems)

    # Each attempt that the tables speak of was made once, and one that was finished only reads.
    again = construct(settings, store=store, engine_for=lambda model: Tires(engine_for(model), 0))
    assert store.totals()[0] == after
    pd.testing.assert_frame_equal(again.sieve.table, made.sieve.table)
    pd.testing.assert_frame_equal(again.retested, made.retested)
    fresh = Store(tmp_path / "other")
    construct(settings, store=fresh, engine_for=engine_for)
    assert fresh.totals() == store.totals()

    union = datasets.load_dataset(str(tmp_path / "set"), "union", split="test", cache_dir=str(tmp_path / "cache"))
    assert union["origin"] == [problem.key for problem in made.sieve.union()]
    assert set(union["difficulty"]) == {7.0}
    assert list(made.retested["selected"]) == [len(made.sieve.unsolved_by(name)) for name in settings.models]
    card = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    assert "At least one attempt of these models reproduced the gold: oracle (2 attempts each)." in card
    assert set(made.keys) == {"mini-base-1", "mini-base-2", "mini-base-3", "oracle", "rater"}


def test_the_price_is_told_before_anything_is_sampled(settings, tmp_path):
    told = attempts_at_most(settings)
    assert list(told[["stage", "model", "problems", "attempts"]].itertuples(index=False, name=None)) == [
        ("difficulty", "rater", 30, 180),
        ("pre-screen", "mini-base-3", 30, 120),
        ("agreement", "oracle", 30, 60),
        ("sieve", "mini-base-1", 30, 240),
        ("sieve", "mini-base-2", 30, 240),
        ("re-test", "mini-base-1", 30, 120),
        ("re-test", "mini-base-2", 30, 120),
    ]
    limits = {name: get_model(name).sampling.max_tokens for name in told["model"]}
    assert list(told["tokens"]) == [row.attempts * limits[row.model] for row in told.itertuples()]


def test_a_subsample_is_the_same_whatever_else_is_in_the_pool():
    pool = list(load_problems("mini-pool"))[:100]
    drawn = {p.id for p in subsample(pool, 30).kept}
    assert len(drawn) == 30 and len(subsample(pool, 500).kept) == 100
    smaller = {p.id for p in subsample(pool[:50], 30).kept}
    assert drawn & {p.id for p in pool[:50]} <= smaller
    assert subsample(pool[::-1], 30).kept == subsample(pool, 30).kept[::-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verifiers": ("mini-base-1",)}, "mini-base-1 cannot verify answers, because it is evaluated, as all"),
        ({"verifiers": ("mini-rl-1",)}, "mini-rl-1 cannot verify answers"),
        ({"models": ("r1-1.5b",), "verifiers": ("nemotron-1.5b",)}, "one family with r1-1.5b"),
        ({"screen": "r1-7b", "verifiers": ("r1-7b",)}, "r1-7b cannot verify answers, because it is evaluated;"),
        ({"bases": ("mini-base-3",)}, "'mini-base-3' takes no part in the sieve; these do: mini-base-1, mini-base-2"),
        ({"servers": {"orakel": "http://host/v1"}}, "servers names 'orakel', which takes no part"),
        ({"candidates": 0}, "The stage 'subsample' leaves no problem .*; take a larger pool"),
        ({"models": ("mini-bose-1",)}, "did you mean mini-base-1"),
        ({"solutions": ("r1_solution_1",)}, "has no text in the column 'r1_solution_1'"),
    ],
)
def test_faults_of_the_settings_come_out_before_anything_is_sampled(settings, tmp_path, changes, message):
    store = Store(tmp_path / "store")
    with pytest.raises(MathbError, match=message):
        construct(settings.model_copy(update=changes), store=store, engine_for=engine_for)
    assert store.totals() == (0, 0)


def test_a_settings_file_is_held_to_its_keys(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('pool = ["mini-pool"]\nmodles = ["mini-base-1"]\n')
    with pytest.raises(MathbError, match="own.toml lacks the key 'models'.*unknown key 'modles'"):
        load_construction(path)
    with pytest.raises(MathbError, match="There is no file .*missing.toml"):
        load_construction(tmp_path / "missing.toml")


def test_pools_are_joined_and_their_own_solutions_can_verify(tmp_path):
    rows = '{{"problem": "Find the sum of {0} and 1.", "answer": "{0}1", "s1": "\\\\boxed{{{0}1}}", "s2": "{1}"}}'
    for name, numbers in (("one", (1, 2)), ("two", (3,))):
        lines = [rows.format(n, "no answer" if n == 2 else f"\\\\boxed{{{n}1.0}}") for n in numbers]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    pool = tuple(str(tmp_path / f"{name}.jsonl") for name in ("one", "two"))
    funnel = funnel_before_models(Construction(name="x", pool=pool, models=("mini-base-1",), solutions=("s1", "s2")))
    assert [(p.set, p.gold) for p in funnel.kept] == [("one", "11"), ("two", "31")]
    assert list(funnel.stages[-1].dropped["reason"]) == ["a solution has no answer: answers 21, none"]


def test_broken_latex_is_repaired_before_the_funnel_unless_it_shall_not_be(tmp_path):
    broken, sound = "Find \x0crac{4}{2} of a cake.", "Find 2 + 2 cakes."
    rows = [{"problem": broken, "answer": "2"}, {"problem": sound, "answer": "4"}]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = Construction(name="x", pool=(str(tmp_path / "own.jsonl"),), models=("mini-base-1",))
    kept = [problem.statement for problem in funnel_before_models(settings).kept]
    assert kept == [r"Find \frac{4}{2} of a cake.", sound]
    kept = funnel_before_models(settings.model_copy(update={"repair": False})).kept
    assert [problem.statement for problem in kept] == [sound]
