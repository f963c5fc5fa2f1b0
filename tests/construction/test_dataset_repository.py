"""A sieved set as a `datasets` repository: read back by `datasets` and by our own loader, with an honest card."""

from __future__ import annotations

import csv
import json
import shutil

import pandas as pd
import pytest
import yaml

from mathb_kit.construction import Sieve, quality, run_filters, sieve
from mathb_kit.construction.dataset_card import About
from mathb_kit.construction.dataset_repository import export_dataset, pass_at_k_grid
from mathb_kit.construction.retest import retest
from mathb_kit.errors import MathbError
from mathb_kit.models import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, ProblemSet, load_problems
from mathb_kit.sampling import Completion
from mathb_kit.statistics import proportion_interval
from mathb_kit.store import Store

MODELS = [Model(name, f"hub/{name}", revision="0" * 40) for name in ("a-1.5b", "b_7b", "c")]
NAMES = [model.name for model in MODELS]
# First correct attempt (1-based; None: never) of each model at candidates 0 to 5, in the sieve and in a fresh draw.
HITS = {
    "a-1.5b": [1, 16, 17, 250, None, None],
    "b_7b": [2, None, 64, 65, None, None],
    "c": [3, 5, None, 256, None, 200],
}
AGAIN = {"a-1.5b": [1, 1, 1, 1, 100, None], "b_7b": [1, 3, 1, 1, None, 90], "c": [1] * 4 + [None, 1]}
UNSOLVED = {"a-1.5b": [4, 5], "b_7b": [1, 4, 5], "c": [2, 4]}
CANDIDATES = [
    Problem("pool-|1", str(n), f"Toss $n_{n}$ | \u2028 {{}} times.", f"{n}1", {"topic": "coins", "kind": "clean"})
    for n in range(6)
]


class FirstHit:
    """Solves a problem at one known attempt of each draw, else it is wrong; half of what the last gets is cut off."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, chunks):
        for chunk in chunks:
            hits = (AGAIN if self.again else HITS)[self.name]
            candidate = next(n for n, problem in enumerate(CANDIDATES) if problem.key == chunk.problem_key)
            indices = range(chunk.first + 1, chunk.first + chunk.size + 1)
            answers = [CANDIDATES[candidate].gold if i == hits[candidate] else "0" for i in indices]
            ends = ["length" if candidate == 5 and i % 2 and i != hits[5] else "stop" for i in indices]
            yield chunk, [Completion(f"\\boxed{{{answer}}}", 3, end) for answer, end in zip(answers, ends)]

    def describe(self):
        return {"engine": "first hit"}

    again = False


class Again(FirstHit):
    again = True


@pytest.fixture
def sieved(tmp_path) -> Sieve:
    return sieve(
        CANDIDATES, MODELS, 256, store=Store(tmp_path / "store"), engine_for=lambda model: FirstHit(model.name)
    )


@pytest.fixture
def retested(sieved, tmp_path) -> pd.DataFrame:
    options = {"store": Store(tmp_path / "store"), "engine_for": lambda model: Again(model.name)}
    return retest(sieved, MODELS, Plan.up_to(128, stop=1), **options)


def funnel_of(sieved):
    return run_filters(CANDIDATES, [quality]).then(sieved.filtered())


def test_a_fresh_draw_is_counted_on_what_each_model_left_unsolved(sieved, retested, tmp_path):
    # a-1.5b solves 4 but not 5, b_7b 1 and 5 but not 4, c solves 2 but not 4.
    expected = [("a-1.5b", 2, 1), ("b_7b", 3, 2), ("c", 2, 1)]
    assert list(retested[["model", "selected", "solved"]].itertuples(index=False, name=None)) == expected
    for row in retested.itertuples():
        assert (row.low, row.high) == proportion_interval(row.solved, row.selected)
        assert row.share == row.solved / row.selected
    # The same from a set's columns; what its store holds is not sampled again.
    columns = [{f"{name}_unsolved": n in UNSOLVED[name] for name in NAMES} for n in range(6)]
    rows = ProblemSet(
        "set", tuple(Problem(p.set, p.id, p.statement, p.gold, meta) for p, meta in zip(CANDIDATES, columns))
    )
    store = Store(tmp_path / "store")
    plan = Plan.up_to(128, stop=1)
    assert retest(rows, MODELS, plan, store=store, engine_for=lambda model: None).equals(retested)
    nothing = retest(rows[:1], MODELS[:1], plan, store=store).iloc[0]
    assert (nothing["selected"], nothing["solved"]) == (0, 0) and nothing[["share", "low", "high"]].isna().all()
    with pytest.raises(MathbError, match="The draw 'main' selected these problems"):
        retest(sieved, MODELS, plan, draw="main", store=store)


def pass_at(k: int, hit: int | None) -> float:
    """The unbiased estimate after the round of the first success, by hand.

    Rounds end at 16, 32, 64 and so on. All that is known is that the one success fell at random into the last round.
    """
    if hit is None:
        return 0.0
    end = next(end for end in (16, 32, 64, 128, 256) if end >= hit)
    start = 0 if end == 16 else end // 2
    return min(1.0, max(0.0, (k - start) / (end - start)))


def test_every_configuration_loads_with_the_columns_of_math_beyond(sieved, retested, tmp_path, caplog):
    import datasets

    folder = export_dataset(
        tmp_path / "set", sieved, funnel_of(sieved), About("next-math-b", bases=NAMES[:2], retested=retested)
    )
    expected = {"union": [1, 2, 4, 5], "intersection": [4, 5], **UNSOLVED}
    cache = str(tmp_path / "cache")
    assert datasets.get_dataset_config_names(str(folder)) == list(expected)
    for config, candidates in expected.items():
        rows = datasets.load_dataset(str(folder), config, split="test", cache_dir=cache)
        assert rows["origin"] == [CANDIDATES[n].key for n in candidates]
        assert rows["id"] == [f"{expected['union'].index(n):03d}" for n in candidates]
        for row, n in zip(rows, candidates):
            assert (row["problem"], row["answer"]) == (CANDIDATES[n].statement, CANDIDATES[n].gold)
            assert (row["data_source"], row["topic"]) == ("pool-|1", "coins")
            for name in NAMES:
                assert row[f"{name}_unsolved"] is (n in UNSOLVED[name])
                for k in (64, 128, 192, 256):
                    assert row[f"{name}_pass@{k}"] == pytest.approx(pass_at(k, HITS[name][n]), abs=1e-15)
    kinds = ("unsolved", "pass@64", "pass@128", "pass@192", "pass@256")
    per_model = [f"{name}_{kind}" for name in NAMES for kind in kinds]
    assert rows.column_names == ["id", "problem", "answer", "data_source", "topic", "origin", *per_model]
    assert datasets.load_dataset(str(folder), cache_dir=cache)["test"].num_rows == 4  # the union by default
    assert not [record for record in caplog.records if "dataset_info" in record.message]


def test_our_own_loader_reads_it_by_path_and_from_the_local_mirror(sieved, tmp_path, monkeypatch):
    folder = export_dataset(tmp_path / "set", sieved, funnel_of(sieved), About("next-math-b"))
    union = folder / "data" / "next-math-b.parquet"
    loaded = load_problems(union)
    assert [(p.set, p.id, p.statement, p.gold) for p in loaded] == [
        ("next-math-b", f"{row:03d}", CANDIDATES[n].statement, CANDIDATES[n].gold) for row, n in enumerate([1, 2, 4, 5])
    ]
    for name in NAMES:
        assert [p.meta["origin"] for p in loaded.unsolved_by(name)] == [CANDIDATES[n].key for n in UNSOLVED[name]]
    # Its columns are the released table's, so it can stand in that one's place.
    shutil.copy(union, folder / "data" / "math-beyond.parquet")
    monkeypatch.setenv("MATHB_DATA_DIR", str(folder / "data"))
    assert [p.statement for p in load_problems("math-b")] == [p.statement for p in loaded]


def test_the_card_says_how_the_set_was_made_and_whether_it_is_synthetic(sieved, retested, tmp_path):
    funnel = funnel_of(sieved)
    folder = export_dataset(
        tmp_path / "set",
        sieved,
        funnel,
        About("next-math-b", (), "Two people solved everything.", retested, licence="mit", settings={"seed": 7}),
    )
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    assert (told["license"], told["size_categories"]) == ("mit", ["n<1K"])
    assert "synthetic" not in told["tags"] and "Synthetic" not in body
    for config in told["configs"]:
        assert (folder / config["data_files"][0]["path"]).is_file()
    features = {feature["name"]: feature["dtype"] for feature in told["dataset_info"][0]["features"]}
    assert features["problem"] == "string" and features["c_unsolved"] == "bool" and features["c_pass@256"] == "float64"
    for row in (
        "| sieve | 4 | 2 | 2 solved by every model |",
        f"| a-1.5b | hub/a-1.5b@{'0' * 40} | {MODELS[0].key()} | "
        "temperature 1, top-p 1, top-k off, at most 1,024 tokens | 15.4% | 2 | 6 |",  # 128 of 16 + 16 + 32 + 3 x 256
        "| b_7b | 3 | 2 | 0.667 | 0.094 | 0.992 |",  # Clopper-Pearson for 2 of 3
        "| `intersection` | 1 | unsolved by every one of a-1.5b, b_7b, c |",
        "Two people solved everything.",
        "- pool-|1: as its owner says",
    ):
        assert row in body
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert record["models"] == {model.name: model.key() for model in MODELS}
    assert record["truncated"]["a-1.5b"] == 128 / 832
    assert record["construction"] == {"seed": 7} and [row["solved"] for row in record["retest"]] == [1, 2, 1]
    with (folder / "funnel.csv").open(encoding="utf-8") as stream:
        assert [int(row["kept"]) for row in csv.DictReader(stream)] == [6, 6, 4]
    dropped = pd.read_csv(folder / "dropped.csv")
    assert list(dropped["problem"]) == [CANDIDATES[0].key, CANDIDATES[3].key]


def test_generated_problems_and_ratings_are_declared_and_an_empty_subset_has_no_file(tmp_path):
    mini = list(load_problems("mini-math"))[:2]
    coin = {mini[0].key: 1, mini[1].key: None}

    class Coin(FirstHit):
        def sample(self, chunks):
            for chunk in chunks:
                right = coin[chunk.problem_key] and self.name == "c"
                gold = next(problem.gold for problem in mini if problem.key == chunk.problem_key)
                yield chunk, [Completion(f"\\boxed{{{gold if right else -1}}}", 1, "stop")] * chunk.size

    made = sieve(mini, MODELS, 8, store=Store(tmp_path / "store"), engine_for=lambda model: Coin(model.name))
    funnel = run_filters(mini, []).then(made.filtered())
    ratings = pd.DataFrame({"problem": [mini[1].key, mini[0].key], "mean": [float("nan"), 2.5]})
    folder = export_dataset(tmp_path / "set", made, funnel, About("tiny", ratings=ratings))
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert "synthetic" in yaml.safe_load(front)["tags"] and "**Synthetic**" in body
    assert "were not tried again" in body and "nothing verified them" in body
    table = pd.read_parquet(folder / "data" / "tiny.parquet")
    assert table["difficulty"].iloc[0] == 2.5 and table["difficulty"].isna().iloc[1]
    assert list(table["c_pass@8"]) == [1.0, 0.0] and pass_at_k_grid(8) == [8]

    easy = sieve(mini[:1], MODELS[2:], 8, store=Store(tmp_path / "store"), engine_for=lambda model: Coin("c"))
    with pytest.raises(MathbError, match="solved every problem, so tiny is empty"):
        export_dataset(tmp_path / "none", easy, funnel, About("tiny"))
    two = [MODELS[0], MODELS[2]]
    ends = sieve(mini[:1], two, 8, store=Store(tmp_path / "store"), engine_for=lambda model: Coin(model.name))
    folder = export_dataset(tmp_path / "two", ends, run_filters(mini[:1], []).then(ends.filtered()), About("tiny"))
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["tiny-a-1.5b.parquet", "tiny.parquet"]
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert [config["config_name"] for config in yaml.safe_load(front)["configs"]] == ["union", "a-1.5b"]
    assert "| `intersection` | 0 |" in body


def test_a_folder_with_other_data_and_names_unfit_for_files_are_refused(sieved, tmp_path):
    funnel = funnel_of(sieved)
    export_dataset(tmp_path / "set", sieved, funnel, About("one"))
    export_dataset(tmp_path / "set", sieved, funnel, About("one"))  # replaced
    with pytest.raises(MathbError, match="holds one-a-1.5b.parquet, which is not of this set"):
        export_dataset(tmp_path / "set", sieved, funnel, About("two"))
    for name in ("a/b", "", "union", ".hidden"):
        with pytest.raises(MathbError, match="cannot name a set"):
            export_dataset(tmp_path / "other", sieved, funnel, About(name))
