"""The viewer on stores small enough to count by hand, and beside a study's own tables."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import pandas as pd
import pytest
from engines import CoinEngine
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.models import get_model
from mathb_kit.models.model import Model
from mathb_kit.places import runs_root
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems
from mathb_kit.profiles import Profile, load_profile
from mathb_kit.results import StudyResults
from mathb_kit.sampling import Completion
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact
from mathb_kit.store.texts import read_texts
from mathb_kit.store.views import counts, open_views
from mathb_kit.viewer import reading, write_bundle
from mathb_kit.viewer.comparison import comparison, to_csv
from mathb_kit.viewer.numbers import Cell, cells, numbers_of, outcomes_of, plans_of
from mathb_kit.viewer.pages import Missing, Pages
from mathb_kit.viewer.reading import Choice, Wanted, parts_of_completion
from mathb_kit.viewer.runs import find_runs
from mathb_kit.viewer.search import search
from mathb_kit.viewer.server import Current, application, link
from mathb_kit.viewer.sets import ProblemSets
from mathb_kit.viewer.snapshot import Snapshot, take_snapshot

BASE, TUNED = Model("small", "hub/small", revision="1"), Model("small-rl", "hub/small-rl", revision="1", base="small")
# Two problems, gold 1. What the models write; "!" ends a text at the token limit.
WRITTEN = {
    "small": (["<think>2?</think>\\boxed{1}", "\\boxed{1}", "\\boxed{2}", "$x^2$ so \\boxed{1}"],
              ["\\boxed{5}", "nothing", "and so on!", "\\boxed{7}"]),
    "small-rl": (["\\boxed{1}"] * 4, ["\\boxed{5}", "\\boxed{1}", "\\boxed{5}", "\\boxed{5}"]),
}  # fmt: skip


class Written:
    """An engine that writes what it is told to, whatever it is asked."""

    def __init__(self, *texts: list[str]) -> None:
        self.texts = texts

    def sample(self, chunks: Any) -> Iterator[tuple[Any, list[Completion]]]:
        for chunk in chunks:
            number = int(chunk.problem_key.partition("/")[2].partition("@")[0])
            texts = self.texts[number - 1][chunk.first : chunk.first + chunk.size]
            yield chunk, [Completion(text.rstrip("!"), 10, "length" if text[-1] == "!" else "stop") for text in texts]

    def describe(self) -> dict[str, Any]:
        return {"engine": "written"}


def sample_tiny() -> list[Cell]:
    """Both models on the set tiny, which lies in the runs folder; base and tuned cell."""
    path = runs_root() / "tiny.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"id": i, "problem": f"Find ${i}x$", "answer": "1"}) + "\n" for i in (1, 2)))
    problems = load_problems(path)
    for model in (BASE, TUNED):
        evaluate(model, problems, Plan.fixed(4), engine=Written(*WRITTEN[model.name]))
    return [Cell(model.key(), "main", "tiny") for model in (BASE, TUNED)]


def snapshot() -> Snapshot:
    return take_snapshot(Store(), ProblemSets())


def text_of(page: str) -> str:
    """What a reader sees, with single spaces."""

    class Text(HTMLParser):
        seen = ""

        def handle_data(self, data: str) -> None:
            self.seen += f" {data}"

    parser = Text()
    parser.feed(page)
    return " ".join(parser.seen.split())


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_every_page_shows_the_numbers_counted_by_hand():
    base, tuned = sample_tiny()
    pages = Pages(snapshot(), link)
    # small: 3 of 4 and 0 of 4 right, so pass@1 (0.75 + 0) / 2 and pass@4 1 of 2; of 8 attempts 1 truncated, 2 without
    # an answer. small-rl: 4 of 4 and 1 of 4, so 62.5 % and 2 of 2.
    overview = text_of(pages.overview())
    assert re.search(r"small 37\.5 .*? 50\.0 .*? 4 1 2 8 12\.5 25\.0 0\.0", overview)
    assert re.search(r"small-rl 62\.5 .*? 100\.0 .*? 4 2 2 8 0\.0 0\.0 0\.0", overview)
    listed = text_of(pages.problems(base))
    assert "pass@1 37.5 %" in listed and "pass@4 50.0 %" in listed and "8 attempts at 2 problems, 1 reached" in listed
    assert "1 3 4 75.0 0 0 10 1 Find" in listed and "2 0 4 0.0 1 2 10 1 Find" in listed
    keys = [row["problem"] for row in reading.problems(pages.snapshot, base, Choice()).rows]
    first, second = (text_of(pages.problem(base, key)) for key in keys)
    assert "3 of 4 correct." in first and "1 3 correct 2 1 wrong" in first and "thinking, 17 characters" in first
    assert "0 of 4 correct, 1 truncated, 2 without an answer." in second and "5 1 wrong 7 1 wrong" in second
    one = text_of(pages.attempt(base, keys[0], 2))
    assert "wrong , decided by number" in one and "10 tokens" in one and "answer 2" in one
    beside = text_of(pages.beside(keys[1], base, tuned))
    assert "0 of 4 correct, 1 truncated" in beside and "1 of 4 correct." in beside
    # Two attempts of the base are never both wrong at problem 1 (one of 4 is), and always at 2. So 2 alone is missed,
    # and two attempts of small-rl there hold the right one in 1 - C(3, 2) / C(4, 2) = 1/2; the base's other two never.
    (row,) = comparison(pages.snapshot, "tiny", "main", 4).query("model == 'small-rl'").to_dict("records")
    assert (row["base"], row["beyond_k"], row["beyond_missed"], row["beyond"], row["null"]) == ("small", 2, 1, 0.5, 0)
    assert "small 50.0" in text_of(pages.compare("tiny")) and row["reached"] == 2


def study_of_coins(tmp_path: Path) -> Profile:
    for name, unsolved in (("plain", {}), ("hard", {"mini-base-1_unsolved": True, "selected_in": 32})):
        rows = [{"id": i, "problem": f"{name} {i}", "answer": "1"} | unsolved for i in range(12)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = load_profile("mini").model_copy(
        update={
            "name": "coins", "bases": ("mini-base-1",), "ks": (1, 32), "sets": (str(tmp_path / "plain.jsonl"),),
            "hard_set": str(tmp_path / "hard.jsonl"), "pool": None, "tuned": {"mini-rl-1": "mini-base-1"},
            "partial": (), "plan": Plan((16, 32), 2, 16),
        }
    )  # fmt: skip
    return study


def test_the_numbers_are_those_of_the_results_of_a_study(tmp_path, monkeypatch):
    monkeypatch.setattr("mathb_kit.results.evaluations.engine_factory", lambda *_, **__: lambda model: CoinEngine(0.08))
    study = study_of_coins(tmp_path)
    results = StudyResults(study)
    results.evaluations()
    files = [Path(study.sets[0]), Path(study.hard_set)]
    now = take_snapshot(Store(), ProblemSets(files))
    base, tuned = (get_model(name).key() for name in ("mini-base-1", "mini-rl-1"))
    numbers = numbers_of(now, Cell(base, "main", "plain"))
    assert numbers.plan == study.plan
    for estimate in (numbers.one, numbers.most):
        wanted = results.saturation.set_index("k").loc[estimate.k]
        assert (estimate.value, estimate.low, estimate.high) == tuple(wanted[["estimate", "low", "high"]])
    pd.testing.assert_frame_equal(
        outcomes_of(now, Cell(base, "main", "plain")).sort_values("problem", ignore_index=True).drop(columns="set"),
        results.on_first_set["mini-base-1"].outcomes.sort_values("problem", ignore_index=True).drop(columns="set"),
    )
    rows = comparison(now, "hard", "main", 32).set_index("model_key")
    reach = results.reach.set_index("tuned")
    wanted, null = reach.loc["mini-rl-1"], reach.loc["mini-base-1 re-drawn"]
    got = rows.loc[tuned, ["beyond_reached", "beyond_missed", "beyond", "beyond_low", "beyond_high"]].astype(float)
    assert got.tolist() == [float(wanted[name]) for name in ("count", "of", "rate", "low", "high")]
    assert rows.loc[tuned, "null"] == null["rate"] and 0 < wanted["count"] < 12


class Right(CoinEngine):
    """Solves every problem at every attempt."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.golds = {problem.key: problem.gold for problem in problems}

    def sample(self, chunks: Any) -> Iterator[tuple[Any, list[Completion]]]:
        for chunk in chunks:
            yield chunk, [Completion(rf"\boxed{{{self.golds[chunk.problem_key]}}}", 3, "stop")] * chunk.size


def test_nothing_is_told_of_more_attempts_than_were_asked_for_though_a_study_would_have_stopped_as_soon():
    problems = load_problems("mini-aime")[:2]
    evaluate(get_model("mini-base-1"), problems, Plan((16, 32), 2), engine=Right(problems))
    (cell,) = cells(now := snapshot())
    numbers = numbers_of(now, cell)
    assert (numbers.attempts, numbers.solved) == (32, 2)
    assert numbers.plan == Plan((16, 32), 2) and numbers.most.k == 32


def test_a_plan_is_only_taken_if_no_problem_would_have_gone_on_under_it():
    # 16 attempts where 2 of the first 16 are right, else 32: stop 4 would have gone on, stop 1 would do, too.
    rows = pd.DataFrame(
        [("m", "main", p, i, "correct" if i < right else "wrong", False, 1)
         for p, n, right in (("a", 16, 2), ("b", 32, 1)) for i in range(n)],
        columns=["model", "draw", "problem", "index", "verdict", "truncated", "tokens"],
    )  # fmt: skip
    plans = list(plans_of(rows, None, "x"))
    from mathb_kit.outcomes import outcomes_from_verdicts

    fits = [plan for plan in plans if outcomes_from_verdicts(rows, plan, "g")["complete"].all()]
    assert str(fits[0]) == "16/32 stop 2" and str(plans[-1]) == "fixed 16"


def test_what_is_not_graded_or_graded_in_part_has_no_estimate_and_says_so(monkeypatch):
    base, _ = sample_tiny()
    for folder in (Store().root / "grades").iterdir():
        for path in folder.iterdir():
            path.unlink()
    now = snapshot()
    # Texts without an answer have their verdict all the same: 6 of 8 wait for one.
    assert (numbers_of(now, base).one, numbers_of(now, base).ungraded) == (None, 6)
    pages = Pages(now, link)
    page = text_of(pages.problems(base))
    assert "6 attempts have no verdict yet, so that pass@k cannot be told" in page
    assert "pass@1 " not in page.split("%:")[0] and "graded in part" in text_of(pages.overview())
    key = reading.problems(now, base, Choice()).rows[0]["problem"]
    assert "4 not graded" in text_of(pages.problem(base, key))


def test_verdicts_of_an_earlier_grader_are_shown_until_there_are_newer_ones(monkeypatch):
    base, _ = sample_tiny()
    (folder,) = (Store().root / "grades").iterdir()
    folder.rename(folder.with_name("0123456789ab"))
    now = snapshot()
    assert now.versions[base.model, "main"].grader == "0123456789ab" and numbers_of(now, base).one.value == 0.375
    assert "Verdicts by an earlier version of the grader (0123456789ab)" in text_of(Pages(now, link).problems(base))


# -- what to read ------------------------------------------------------------------------------------------------------


def many(tmp_path: Path) -> tuple[Snapshot, Cell]:
    """Twelve problems; problem i has i right of 16."""
    path = tmp_path / "many.jsonl"
    rows = [{"id": i + 1, "problem": f"number {i:02d}", "answer": "1"} for i in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = [[f"\\boxed{{{int(j < i)}}} text {j}{'!' * (i == 3 and j < 2)}" for j in range(16)] for i in range(12)]
    evaluate(BASE, load_problems(path), Plan.fixed(16), engine=Written(*texts))
    return take_snapshot(Store(), ProblemSets([path])), Cell(BASE.key(), "main", "many")


def test_problems_sort_and_filter_and_come_in_pages(tmp_path):
    now, cell = many(tmp_path)

    def ids(size: int = 50, **choice: Any) -> list[int]:
        return [int(row["id"]) for row in reading.problems(now, cell, Choice(**choice), size).rows]

    assert ids() == [*range(1, 13)] and ids(5, page=3) == [11, 12] and ids(5, page=99) == [11, 12]
    assert ids(sort="rate", descending=True) == [*range(12, 0, -1)]
    assert ids(show="never") == [1] and ids(show="truncated") == [4] and ids(show="always") == []
    assert ids(text="NUMBER 1") == [11, 12] and ids(text="%") == []
    key = reading.problems(now, cell, Choice(text="number 05")).rows[0]["problem"]
    place, of, before, after = reading.place_among(now, cell, Choice(sort="rate", descending=True), key)
    assert (place, of) == (7, 12) and "/7@" in before and "/5@" in after
    with pytest.raises(MathbError, match="no order 'n; DROP'"):
        Choice(sort="n; DROP")


def test_attempts_filter_by_verdict_truncation_answer_and_text(tmp_path):
    now, cell = many(tmp_path)
    key = reading.problems(now, cell, Choice(text="number 03")).rows[0]["problem"]

    def indices(size: int = 50, **wanted: Any) -> list[int]:
        return [row["index"] for row in reading.attempts(now, cell, key, Wanted(**wanted), size).rows]

    assert indices(verdict="correct") == [0, 1, 2] and indices(truncated=True) == [0, 1]
    assert indices(answer="0") == [*range(3, 16)] and indices(text="TEXT 1", size=3, page=2) == [12, 13, 14]
    assert reading.attempts(now, cell, key, Wanted(verdict="wrong"), 4).last == 4
    assert reading.answers(now, cell, key) == (
        [{"answer": "0", "verdict": "wrong", "count": 13}, {"answer": "1", "verdict": "correct", "count": 3}], 0,
    )  # fmt: skip


PIECES = [
    "%", "_", "'", '"', "\\boxed{É}", "ß", "Straße", "日本", "<script>", "</td>", "\x00", "\n", "a", "A", "?", "x%y",
    "👩\u200d👧",
]  # fmt: skip


def odd_texts(tmp_path: Path) -> tuple[Snapshot, Cell]:
    """Six problems, listed against their names; 16 texts each, of pieces that a query might take for its own."""
    path, rng = tmp_path / "odd.jsonl", np.random.default_rng(5)
    path.write_text("".join(json.dumps({"id": 6 - i, "problem": f"p{i}", "answer": "É"}) + "\n" for i in range(6)))
    texts = [["".join(rng.choice(PIECES, rng.integers(1, 8))) for _ in range(16)] for _ in range(6)]
    evaluate(BASE, load_problems(path), Plan.fixed(16), engine=Written(*texts))
    evaluate(BASE, load_problems(path), Plan.fixed(16), draw="other", engine=Written(*[["%_'a"] * 16] * 6))
    return take_snapshot(Store(), ProblemSets([path])), Cell(BASE.key(), "main", "odd")


def scanned(now: Snapshot, cell: Cell, text: str, verdict: str = "") -> list[tuple[str, int]]:
    """What a search has to find, by reading everything."""
    rows = now.ask("SELECT problem, \"index\", answer, verdict FROM attempts WHERE draw = 'main'")
    rows = rows.merge(Store().read_attempts(cell.model, cell.draw)[["problem", "index", "text"]])
    read = zip(rows["text"], rows["answer"].fillna(""))
    has = [text.lower() in each.lower() or text.lower() in answer.lower() for each, answer in read]
    rows = rows[np.array(has) & ((rows["verdict"] == verdict) | (verdict == ""))]
    place = rows["problem"].str.extract(r"/(\d)@")[0].astype(int)
    rows = rows.assign(place=-place).sort_values(["place", "index"])
    return list(rows[["problem", "index"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("packed", [False, True])
def test_a_search_finds_what_reading_everything_finds_page_by_page(tmp_path, packed):
    now, cell = odd_texts(tmp_path)
    if packed:
        compact(Store())
    others = ["é", "STRASSE", "STRAßE", "SCRIPT>", "X%Y", "%y", "a%", "本", "%'", '_"', "nowhere", "xxy"]
    for text in [*PIECES, *others]:
        for verdict in ("", "correct", "no_answer"):
            wanted = scanned(now, cell, text, verdict)
            pages = [search(now, cell, Wanted(text=text, verdict=verdict, page=1), 7)]
            for number in range(2, pages[0].page.last + 1):
                pages.append(search(now, cell, Wanted(text=text, verdict=verdict, page=number), 7))
            rows = [row for each in pages for row in each.page.rows]
            assert [(row["problem"], row["index"]) for row in rows] == wanted, (text, verdict)
            assert pages[0].page.of == len(wanted) and pages[0].damaged == []
            for row in rows:
                snippet = row["snippet"]
                assert snippet.hit.lower() == text.lower() and len(snippet.hit) == len(text)
                assert "".join(snippet[1:]).strip("…") in row[snippet.of]
                assert text.lower() not in (snippet.before + snippet.hit[:-1]).lower()  # the first place
    assert len(scanned(now, cell, "%")) not in (0, 96) and scanned(now, cell, "nowhere") == []


def test_a_hit_is_seen_within_a_little_of_what_stands_around_it_or_in_the_answer(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"id": 1, "problem": "p", "answer": "4"}) + "\n")
    texts = ["é" * 3000 + "Needle" + "b" * 3000, "\\boxed{\\frac{8}{2}}"]
    evaluate(BASE, load_problems(path), Plan.fixed(2), engine=Written(texts))
    now, cell = take_snapshot(Store(), ProblemSets([path])), Cell(BASE.key(), "main", "long")
    (row,) = search(now, cell, Wanted(text="nEEDLE")).page.rows
    assert row["snippet"] == ("text", "…" + "é" * 80, "Needle", "b" * 160 + "…")
    (answered,) = now.rows('SELECT answer FROM attempts WHERE "index" = 1')
    page = text_of(Pages(now, link).search(cell, Wanted(text="FRAC{8}", verdict="correct")))
    assert "1 attempt, correct, with FRAC{8}" in page and "1, 2 correct" in page and answered["answer"]


def test_the_box_leads_to_the_hits_and_a_hit_to_its_completion(tmp_path):
    base, _ = sample_tiny()
    now = snapshot()
    _, listed = ask(now, link("problems", **base._asdict()))
    assert 'action="search"' in listed and 'name="text"' in listed
    status, page = ask(now, link("search", **base._asdict(), text="BOXED{1}", verdict="correct"))
    assert status == 200 and "3 attempts, correct, with BOXED{1}" in text_of(page)
    assert page.count("<mark>boxed{1}</mark>") == 3
    addresses = [each.replace("&amp;", "&") for each in re.findall(r'href="(attempt[^"]*)"', page)]
    assert [re.search(r"index=(\d)|$", each)[1] for each in addresses] == [None, "1", "3"]  # 0 goes without saying
    assert all("boxed{1}" in ask(now, each)[1] for each in addresses)
    assert "Write what to look for" in text_of(ask(now, link("search", **base._asdict()))[1])
    assert ask(now, link("search", model="x", text="a"))[0] == 404
    # Damaged since: it is told of, and what else there is is found.
    address = link("search", **base._asdict(), text=" so ")
    assert "2 attempts with" in text_of(ask(now, address)[1])  # one at each problem, and each has its file
    path, _ = (Store().root / "attempts" / base.model / "main").iterdir()
    damage(path)
    assert "1 attempt with" in (page := text_of(ask(snapshot(), address)[1])) and f"{path} is damaged" in page


def test_the_next_page_of_a_search_reads_no_texts_but_its_own(tmp_path, monkeypatch):
    now, cell = odd_texts(tmp_path)
    first = search(now, cell, Wanted(text="a"), 7)
    monkeypatch.setattr("mathb_kit.viewer.search.run_on_views", None)
    second = search(now, cell, Wanted(text="a", page=2), 7)
    assert second.page.number == 2 and second.page.of == first.page.of > 7


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a \\boxed{1}", ("", "a \\boxed{1}", "")),
        ("<think>a</think>a", ("<think>a</think>", "a", "")),
        (
            "<think>a</think>b<think>c</think>x = a\nProblem: a",
            ("<think>a</think>b<think>c</think>", "x = a", "\nProblem: a"),
        ),
        ("<think>never", ("<think>never", "", "")),
        ("<think>STOP</think> b STOP c", ("<think>STOP</think>", " b ", "STOP c")),
        ("", ("", "", "")),
    ],
)
def test_a_text_is_cut_into_thinking_what_counts_and_what_follows(text, parts):
    cut = parts_of_completion(text, ["STOP"])
    assert (cut.thinking, cut.counted, cut.after) == parts and cut.is_finished == (text != "<think>never")


@pytest.mark.parametrize("packed", [False, True])
def test_a_few_texts_are_those_that_reading_everything_gives(tmp_path, packed):
    now, cell = many(tmp_path)
    if packed:
        compact(Store())
    everything = Store().read_attempts(cell.model, "main").set_index(["problem", "index"])["text"]
    with open_views(Store(), texts=False) as views:
        rows = views.execute('SELECT shard, problem, "index" FROM attempts').df().sample(40, random_state=1)
    chosen = list(rows.itertuples(index=False, name=None))
    wanted = [everything[problem, index] for _, problem, index in chosen]
    assert read_texts(Store(), cell.model, "main", chosen) == wanted


# -- how it was asked --------------------------------------------------------------------------------------------------


def test_a_completion_shows_the_prompt_as_it_was_sent_and_when_and_by_what():
    base, _ = sample_tiny()
    pages = Pages(snapshot(), link)
    key = reading.problems(pages.snapshot, base, Choice()).rows[0]["problem"]
    query = "SELECT DISTINCT shard FROM attempts WHERE model = ? AND problem = ?"
    ((shard,),) = [row.values() for row in pages.snapshot.rows(query, base.model, key)]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(int(shard[:20]) / 1e9))
    for page in (pages.problem(base, key), pages.attempt(base, key, 2)):
        assert "The prompt as it was sent, 9 characters Find $1x$ " in text_of(page)
        assert re.search(rf"{when}:\d\d \w+ ?, by written", text_of(page)), text_of(page)


@pytest.mark.parametrize("packed", [False, True])
def test_the_prompt_of_a_chat_is_the_recorded_one_else_its_turns(packed):
    sample_tiny()
    store, chat = Store(), {"name": "chat", "prompt": "chat", "user": "Solve {problem}!", "system": "Be brief."}
    rows = Store().read_attempts(BASE.key(), "main")
    key = rows["problem"][0]
    recorded = {"prompt": "[s]Be brief.[u]{problem}[a]", "engine": {"engine": "e"}}
    for name, source in (("whole", recorded), ("turns", {})):
        store.describe_model(name, chat)
        store.commit_attempts(name, "main", rows[rows["problem"] == key].drop(columns=["model", "draw"]), source)
    if packed:
        compact(store)
    pages = Pages(snapshot(), link)
    whole, turns = (text_of(pages.attempt(Cell(name, "main", "tiny"), key, 0)) for name in ("whole", "turns"))
    assert "The prompt as it was sent, 27 characters [s]Be brief.[u]Find $1x$[a]" in whole and ", by e " in whole
    assert "what the template put around them is not on record system: Be brief. user: Solve Find $1x$!" in turns
    assert ", by " not in turns.partition("extractor, grader")[0]


# -- conditions --------------------------------------------------------------------------------------------------------


def test_conditions_choose_problems_and_attempts_as_counted_by_hand(tmp_path):
    now, cell = many(tmp_path)  # problem i + 1 has i right of 16

    def ids(where: str) -> list[int]:
        return [int(row["id"]) for row in reading.problems(now, cell, Choice(where=where)).rows]

    assert ids("rate < 0.1") == [1, 2] and ids("rate<10%") == [1, 2] and ids("rate <= 6.25 %") == [1, 2]
    assert ids("correct >= 3 and wrong > 11") == [4, 5] and ids("truncated=2") == [4] and ids("truncated != 0") == [4]
    assert ids("tokens > 10") == [] and ids("tokens ≥ 10, attempts = 16") == [*range(1, 13)] and ids(" , ") == ids("")
    key = reading.problems(now, cell, Choice(where="correct = 3")).rows[0]["problem"]
    shown = reading.attempts(now, cell, key, Wanted(where="attempt <= 5, tokens = 10", verdict="wrong")).rows
    assert [row["index"] for row in shown] == [3, 4]
    found = search(now, cell, Wanted(text="text 1", where="attempt > 15")).page
    assert found.of == 12 and {row["index"] for row in found.rows} == {15}


@pytest.mark.parametrize("where", ["rate", "rate < x", "c = 1; DROP TABLE tried", "gold = 1", "1 < rate", "rate < -1"])
def test_what_is_no_condition_is_one_sentence_above_all_problems(tmp_path, where):
    now, cell = many(tmp_path)
    status, page = ask(now, link("problems", **cell._asdict(), where=where))
    assert status == 200 and "is no condition; write e.g. rate < 10%, tokens > 500" in text_of(page)
    assert "12 problems." in text_of(page) and "Traceback" not in page
    key = reading.problems(now, cell, Choice()).rows[0]["problem"]
    for address in (link("problem", **cell._asdict(), problem=key, **{"with": where}),
                    link("search", **cell._asdict(), text="text 3", **{"with": where})):  # fmt: skip
        status, page = ask(now, address)
        assert status == 200 and "is no condition; write e.g. tokens > 500" in text_of(page)


def test_one_of_a_kind_is_said_so_and_where_nothing_goes_on_there_is_no_arrow(tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"id": 1, "problem": "p", "answer": "4"}) + "\n")
    evaluate(BASE, load_problems(path), Plan.fixed(1), engine=Written(["\\boxed{4}"]))
    pages = Pages(take_snapshot(Store(), ProblemSets([path])), link)
    (cell,) = cells(pages.snapshot)
    (row,) = reading.problems(pages.snapshot, cell, Choice()).rows
    shown = [pages.overview(), pages.problems(cell), pages.problem(cell, row["problem"])]
    shown += [pages.search(cell, Wanted(text="4")), pages.attempt(cell, row["problem"], 0)]
    for page in shown:
        above = text_of(page).partition(" Keys j k ")[0]  # of the dialog
        assert not re.search(r"\b1 (attempts|problems|others)|previous|next (problem|attempt)", above)
    assert "1 attempt at 1 problem," in text_of(shown[1])


def test_a_condition_stays_when_the_list_is_sorted_turned_or_left_for_a_problem(tmp_path):
    now, cell = many(tmp_path)
    status, page = ask(now, link("problems", **cell._asdict(), where="rate < 50%"))
    assert status == 200 and "8 problems where rate < 50%." in text_of(page)
    leads = [each.replace("&amp;", "&") for each in re.findall(r'href="((?:problems|problem)[?][^"]*)"', page)]
    assert len(leads) > 8 and all("where=rate+%3C+50%25" in each for each in leads)
    _, one = ask(now, leads[-1])
    assert "8 of 8" in text_of(one)


# -- faults ------------------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-40] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_one_sentence_on_every_page_and_the_rest_is_there(packed):
    base, tuned = sample_tiny()
    if packed:
        compact(Store())
    for path in (Store().root / "attempts" / tuned.model / "main").iterdir():
        damage(path)
    pages = Pages(snapshot(), link)
    assert cells(pages.snapshot) == [base]
    for page in (pages.overview(), pages.problems(base), pages.compare()):
        assert f"{path} is damaged or was not written by mathb_kit; delete this file" in text_of(page)
        assert "Traceback" not in page
    assert "37.5" in text_of(pages.overview())
    with pytest.raises(MathbError, match="is damaged"):
        counts(Store())


def test_a_text_damaged_since_the_page_before_is_one_sentence():
    base, _ = sample_tiny()
    now = snapshot()
    key = reading.problems(now, base, Choice()).rows[0]["problem"]
    for path in (Store().root / "attempts" / base.model / "main").iterdir():
        damage(path)
    status, page = ask(now, link("problem", **base._asdict(), problem=key))
    assert status == 500 and "is damaged" in text_of(page) and "Traceback" not in page


def test_what_is_not_there_is_one_sentence():
    base, _ = sample_tiny()
    pages = Pages(snapshot(), link)
    key = reading.problems(pages.snapshot, base, Choice()).rows[0]["problem"]
    for show, said in [
        (lambda: pages.problems(base._replace(draw="other")), "no draw other"),
        (lambda: pages.problem(base, "tiny/9@0"), "no attempt of small at tiny/9@0"),
        (lambda: pages.attempt(base, key, 99), "no attempt 100"),
        (lambda: pages.run("no/run"), "no training run"),
    ]:
        with pytest.raises(Missing, match=said):
            show()
    for address, status in [
        ("nowhere", 404), ("problems?model=x", 404), ("problems?page=x", 404), ("compare?set=x", 500),
        ("problem?verdict=odd", 500), ("compare.csv?set=x", 404),
    ]:  # fmt: skip
        assert ask(pages.snapshot, address)[0] == status, address


def test_a_store_that_cannot_be_read_at_all_and_what_nobody_foresaw_are_one_sentence():
    def broken(fault: Exception) -> Any:
        def raising() -> Snapshot:
            raise fault

        return raising

    async def asked(fault: Exception) -> httpx.Response:
        transport = httpx.ASGITransport(application(broken(fault), TOKEN, 8000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.get("/", headers=COOKIE)

    for fault, status, said in [
        (MathbError("The disk is gone."), 503, "The disk is gone.\n"),
        (KeyError("x"), 500, "A fault that nobody foresaw: KeyError. Please tell us.\n"),
    ]:
        reply = asyncio.run(asked(fault))
        assert (reply.status_code, reply.text) == (status, said)


def test_statements_that_are_not_to_be_had_are_said_and_the_texts_are_there(tmp_path):
    base, _ = sample_tiny()
    (runs_root() / "tiny.jsonl").unlink()
    pages = Pages(snapshot(), link)
    assert "name its file: mathb view --problems tiny.jsonl" in text_of(pages.overview())
    key = reading.problems(pages.snapshot, base, Choice()).rows[0]["problem"]
    page = text_of(pages.problem(base, key))
    assert "The statement is not to be had here" in page and "Attempt 1" in page and "not graded" in page


def test_sets_are_taken_from_what_is_kept_and_no_hub_is_asked(monkeypatch):
    import datasets
    import huggingface_hub

    asked = []

    def builder(path: str, *_: object, **__: object) -> None:
        asked.append((path, datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
        raise ConnectionError("not kept")

    monkeypatch.delenv("MATHB_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    for setting, offline in ((None, True), ("0", datasets.config.HF_HUB_OFFLINE)):
        if setting:
            monkeypatch.setenv("HF_HUB_OFFLINE", setting)
        else:
            monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        sets = ProblemSets()
        assert sets.get("math-500") is None and "mathb problems fetch math-500" in sets.notes["math-500"]
        assert asked.pop() == ("HuggingFaceH4/MATH-500", offline, offline)
    assert not asked


def test_what_is_said_of_an_absent_set_stands_on_its_own_pages_alone(tmp_path):
    base, _ = sample_tiny()
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": 1, "problem": "Find $y$", "answer": "1"}\n')
    evaluate(BASE, load_problems(other), Plan.fixed(4), engine=Written(*WRITTEN[BASE.name]))
    (runs_root() / "tiny.jsonl").unlink()
    pages = Pages(snapshot(), link)
    assert "that are not here: other, tiny" in text_of(pages.overview())
    of_tiny = text_of(pages.problems(base))
    assert "--problems tiny.jsonl" in of_tiny and "other.jsonl" not in of_tiny


# -- the server --------------------------------------------------------------------------------------------------------

TOKEN = "secret-of-the-test"


def respond(now: Snapshot, address: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(application(lambda: now, TOKEN, 8000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, f"/{address}", headers=headers)

    return asyncio.run(asked())


COOKIE = {"cookie": f"mathb-view-8000={TOKEN}"}


def ask(now: Snapshot, address: str) -> tuple[int, str]:
    reply = respond(now, address, **COOKIE)
    return reply.status_code, reply.text


def test_only_who_has_the_secret_on_this_machine_is_answered():
    sample_tiny()
    now = snapshot()
    opened = respond(now, f"?token={TOKEN}&x=1")
    assert opened.status_code == 200 and opened.headers["refresh"] == "0; url=?x=1" and "small" not in opened.text
    cookie = opened.headers["set-cookie"]
    assert f"mathb-view-8000={TOKEN}" in cookie and "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert "small-rl" in respond(now, "", **COOKIE).text
    refused = [
        {}, {"cookie": "mathb-view-8000=other"}, {"cookie": f"mathb-view-8001={TOKEN}"},
        {**COOKIE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {**COOKIE, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ]  # fmt: skip
    for headers in refused:
        for address in ("", "compare.csv", "view.css", "nowhere"):
            reply = respond(now, address, **headers)
            assert reply.status_code == 403 and "small" not in reply.text, (address, headers)
    assert respond(now, "?token=wrong", **COOKIE).status_code == 403
    for host in ("evil.invalid", "evil.invalid:8000", "127.0.0.1.evil.invalid", ""):
        for address in ("", f"?token={TOKEN}"):
            assert respond(now, address, **COOKIE, host=host).status_code == 421, host
    assert respond(now, "", **COOKIE, host="localhost:8000").status_code == 200


def test_nothing_can_be_written_and_every_answer_forbids_scripts_and_frames_from_elsewhere():
    sample_tiny()
    now = snapshot()
    before = {path: path.stat().st_mtime_ns for path in runs_root().rglob("*")}
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert respond(now, "", method, **COOKIE).status_code == 405
    for address in ("", "compare", "runs", "nowhere", "compare.csv"):
        for headers in (COOKIE, {}):
            given = respond(now, address, **headers).headers
            policy = given["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy and given["cross-origin-resource-policy"] == "same-origin"
    for page in (respond(now, "", **COOKIE).text, respond(now, "compare", **COOKIE).text):
        assert not re.search(r"<script(?! src=\"view\.js\")|\sstyle=|\son\w+=|<style", page)
    assert before == {path: path.stat().st_mtime_ns for path in runs_root().rglob("*")}


def test_every_link_of_every_page_leads_to_a_page():
    sample_tiny()
    now = snapshot()
    waiting, seen = ["."], set()
    while waiting:
        address = waiting.pop()
        if address in seen or "sort=" in address:  # the same problems in another order
            continue
        seen.add(address)
        status, page = ask(now, "" if address == "." else address)
        assert status == 200, address
        found = re.findall(r'href="([^"#]*)"', page.replace("&amp;", "&"))
        waiting += [each for each in found if each and not each.startswith("data:")]
    pages = {address.partition("?")[0] for address in seen}
    assert pages == {".", "problems", "problem", "attempt", "beside", "compare", "compare.csv", "runs", "view.css"}
    assert len(seen) > 40


def test_the_table_as_csv_has_the_same_numbers_and_no_formula():
    sample_tiny()
    table = pd.read_csv(io.StringIO(ask(snapshot(), "compare.csv?set=tiny&k=4")[1])).set_index("model")
    assert table.loc["small", ["pass_1", "pass_k", "reached"]].tolist() == [0.375, 0.5, 1]
    odd = pd.DataFrame({"model": ["=cmd()", "+1", "a"], "n": [-1, 2, 3]})
    assert to_csv(odd).splitlines()[1:] == ["'=cmd(),-1", "'+1,2", "a,3"]


def test_what_is_sampled_meanwhile_appears_and_nothing_is_read_twice(monkeypatch):
    base, _ = sample_tiny()
    current = Current(Store(), ProblemSets())
    first = current.snapshot()
    assert current.snapshot() is first
    monkeypatch.setattr("mathb_kit.viewer.server._OFTEN", 0.0)
    current._cost = 0.0
    assert current.snapshot() is first  # it looked, and nothing was new
    problems = load_problems(runs_root() / "tiny.jsonl")
    evaluate(BASE, problems, Plan.fixed(4), draw="again", engine=Written(*WRITTEN["small"]))
    assert base._replace(draw="again") in cells(current.snapshot())


def test_who_ends_it_early_waits_for_the_numbers_at_hand_and_for_no_others(monkeypatch):
    base, _ = sample_tiny()
    begun, ended = threading.Event(), []

    def slow(now: Snapshot, cell: Cell) -> None:
        begun.set()
        time.sleep(0.2)
        ended.append(cell)

    monkeypatch.setattr("mathb_kit.viewer.server.numbers_of", slow)
    current = Current(Store(), ProblemSets())
    current.snapshot()
    assert begun.wait(60)
    current.close()
    assert ended == [base] and not any(thread.is_alive() for thread in current._preparing)


def test_a_store_with_nothing_and_a_port_that_is_taken_are_one_sentence(tmp_path):
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["view", *words])
        assert done.exit_code == 2, done.output
        return done.stderr

    assert "is empty, so there is nothing to view; sample something first" in run("--no-browser")
    assert "is empty" in run("--bundle", str(tmp_path / "x"))
    sample_tiny()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken; name another (--port)" in run("--no-browser", "--port", str(port))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "has something in it already; name a new folder" in run("--bundle", str(tmp_path / "full"))
    assert not (tmp_path / "x").exists()


def test_another_folder_of_runs_is_viewed_by_its_name_or_its_stores(tmp_path, monkeypatch):
    base, _ = sample_tiny()
    write_run("lab/done", [step(1, reward=0.5)], {"objective": "grpo"})
    runs = runs_root()
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "elsewhere"))
    for number, folder in enumerate((runs, runs / "store")):
        done = CliRunner().invoke(app, ["view", str(folder), "--bundle", str(tmp_path / f"pages-{number}")])
        assert done.exit_code == 0, done.output
        files = {path.name: path.read_text() for path in (tmp_path / f"pages-{number}").iterdir()}
        assert "37.5" in text_of(files["index.html"]) and "lab/done" in text_of(files["runs.html"])
        assert any("Find" in page for page in files.values())  # tiny.jsonl lies in that folder, too
    for name, said in (("nowhere", "There is no folder"), ("odd", "holds no store")):
        (tmp_path / "odd").mkdir(exist_ok=True)
        done = CliRunner().invoke(app, ["view", str(tmp_path / name), "--no-browser"])
        assert done.exit_code == 2 and said in done.stderr


def test_no_server_library_is_loaded_before_somebody_views():
    import subprocess

    code = "import sys, mathb_kit.cli, mathb_kit.viewer; print(*{'starlette', 'uvicorn', 'duckdb'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# -- training runs -----------------------------------------------------------------------------------------------------


def write_run(name: str, lines: list[str], recipe: dict[str, Any] | None = None) -> Path:
    folder = runs_root() / name
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text("".join(lines))
    if recipe:
        (folder / "recipe.json").write_text(json.dumps({"recipe": recipe}))
    return folder


def step(number: int, **values: Any) -> str:
    return json.dumps({"step": number, "sampled_tokens": 100 * number, **values}) + "\n"


def test_training_runs_and_their_curves_also_while_a_line_is_being_written():
    sample_tiny()
    steps = [step(i, reward=i / 50, kl=None if i < 3 else 0.1) for i in range(1, 41)]
    write_run("lab/done", steps, {"objective": "grpo", "base": "mini-base-1"})
    going = write_run("lab/going", [*steps[:2], '{"step": 3, "rew'])
    write_run("lab/odd", ["{]\n", "x\n"])
    runs = {run.name: run for run in find_runs(runs_root())}
    # Rewards 0.02 to 0.80; the mean of the last 20, 21/50 to 40/50, is 0.61.
    assert runs["lab/done"].summary == {
        "name": "lab/done", "objective": "grpo", "base": "mini-base-1", "steps": 40, "tokens": 4000, "first": 0.02,
        "last": pytest.approx(0.61), "state": "finished",
    }  # fmt: skip
    reward, kl = runs["lab/done"].curves
    assert (reward.name, reward.labels["last"], kl.xs[0]) == ("reward", "0.800", 3)
    points = np.array([[float(x) for x in point.split(",")] for point in reward.points.split()])
    assert points[0].tolist() == [0, pytest.approx(120 * (1 - 0.02 / 0.8), abs=0.1)] and points[-1].tolist() == [360, 0]
    # The mean of 0.62 to 0.80 is 0.71, and the first value stands alone.
    trend = [point.split(",")[1] for point in reward.trend.split()]
    assert (reward.averaged, trend[0], float(trend[-1])) == (10, f"{points[0][1]:.1f}", pytest.approx(13.5))
    assert runs["lab/going"].curves[0].trend == "" and runs["lab/going"].curves[0].averaged == 0
    assert runs["lab/going"].summary["steps"] == 2 and runs["lab/going"].state == "running"
    old = time.time() - 3600
    __import__("os").utime(going / "log.jsonl", (old, old))
    assert {run.name: run.state for run in find_runs(runs_root())}["lab/going"] == "stopped"
    pages = Pages(snapshot(), link)
    listed = text_of(pages.runs())
    assert "lab/done finished grpo mini-base-1 40 4,000 0.020 0.610" in listed and "log.jsonl is damaged" in listed
    assert "40 steps, 4,000 tokens" in text_of(pages.run("lab/done"))
    assert "is damaged" in text_of(pages.run("lab/odd"))


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_bundle_is_whole_by_itself(tmp_path):
    base, tuned = sample_tiny()
    write_run("lab/done", [step(1, reward=0.5)], {"objective": "grpo"})
    said = write_bundle(tmp_path / "pages")
    assert "All 4 pages" in said and "at most 16 attempts each" in said
    files = {path.name: path.read_text() for path in (tmp_path / "pages").iterdir()}
    kinds = {name.partition("-")[0].partition(".")[0] for name in files}
    assert kinds == {"index", "list", "problem", "beside", "compare", "runs", "run", "view"}
    for name, page in files.items():
        if not name.endswith(".html"):
            continue
        for address in re.findall(r'(?:href|src)="([^"#]+)"', page):
            assert address.startswith("data:") or unquote(address) in files, (name, address)
        assert "<form" not in page and "default-src 'none'" in page
    assert "37.5" in text_of(files["index.html"]) and "All 4 pages" in text_of(files["index.html"])
    with pytest.raises(MathbError, match="has something in it already"):
        write_bundle(tmp_path / "pages")


def test_a_bundle_keeps_to_its_size_says_what_is_left_out_and_leads_nowhere_else(tmp_path, monkeypatch):
    from mathb_kit.viewer import bundle

    now, cell = many(tmp_path)
    whole = bundle._Bundle(now, 10**9)
    whole.make()
    monkeypatch.setattr(bundle, "take_snapshot", lambda *_: now)
    size = sum(len(text.encode()) for text in whole.files.values())
    part = bundle._Bundle(now, size * 3 // 4)
    part.make()
    left = sum(name.startswith("problem-") for name in part.files)
    assert 0 < left < 12 and f"{left} of 12 pages" in part.note and "the rest would be more than" in part.note
    assert sum(len(text.encode()) for text in part.files.values()) <= size * 3 // 4 * 1.02
    for name, page in part.files.items():
        leads_to = re.findall(r'href="([^"#]+)"', page) if name.endswith(".html") else []
        assert {each for each in leads_to if not each.startswith("data:")} <= set(part.files)
