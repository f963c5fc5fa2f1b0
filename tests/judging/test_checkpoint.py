"""A checkpoint's judgement and its card: counts against the verdicts themselves, and what training may have seen."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from engines import CoinEngine

from mathb_kit.errors import MathbError
from mathb_kit.judging import elicit, judge_checkpoint, seen_in_training, steps_at_most
from mathb_kit.models import Model, matched
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.problems.problem import Problem
from mathb_kit.report.card import card_record, write_card
from mathb_kit.sentences import cost_sentence, judgement_sentence
from mathb_kit.store import Store

PLAN = Plan(rounds=(8, 32), stop=2, chunk=8)
BASE, TUNED = Model("base", "hub/base"), Model("tuned", "hub/tuned", base="base", trained_on=("alpha-17k",))
CHANCE = {"base": 0.02, "tuned": 0.08}
SOURCES = ("ALPHA", "Beta")
HARD = ProblemSet(
    "hard",
    tuple(
        Problem("hard", str(i), f"Toss $x_{i}$ <b>.", "1", {"base_unsolved": i % 3 > 0, "data_source": SOURCES[i % 2]})
        for i in range(30)
    ),
    selected_in=32,
)
EASY = ProblemSet("easy", tuple(Problem("easy", str(i), f"Flip {i}.", "1") for i in range(20)))


def judged(tmp_path, on=HARD, **options):
    return judge_checkpoint(
        matched(BASE, TUNED), on, PLAN, store=Store(tmp_path / "store"),
        engine_for=lambda model: CoinEngine(CHANCE[model.name]),
        **options,
    )  # fmt: skip


def solved(evaluation, keys, k=32):
    verdicts = evaluation.verdicts
    right = verdicts[(verdicts["verdict"] == "correct") & (verdicts["index"] < k)]
    return len(set(right["problem"]) & keys)


def test_the_base_selects_by_column_or_else_by_a_draw_of_its_own(tmp_path):
    by_column = judged(tmp_path)
    assert {problem.id for problem in by_column.problems} == {str(i) for i in range(30) if i % 3}
    bare = ProblemSet("hard", tuple(Problem("hard", p.id, p.statement, p.gold) for p in HARD))
    by_draw = judged(tmp_path, bare)
    table = Store(tmp_path / "store").read_attempts(BASE.key(), "sieve", [p.key for p in bare], ["problem", "text"])
    right = set(table.loc[table["text"].str.contains("boxed{1}", regex=False), "problem"])
    assert {problem.key for problem in by_draw.problems} == {problem.key for problem in bare} - right
    assert by_draw.redraws[0].draw.name == "main" and "made here" in by_draw.selection.words
    with pytest.raises(MathbError, match="left nothing of hard unsolved"):
        judge_checkpoint(
            matched(BASE, TUNED), bare, PLAN, store=Store(tmp_path / "x"), engine_for=lambda _: CoinEngine(1.0)
        )


def test_a_column_from_fewer_attempts_or_by_a_base_under_other_settings_selects_nothing(tmp_path):
    by_column = judged(tmp_path).problems
    fewer = judged(tmp_path / "fewer", replace(HARD, selected_in=8))
    assert "made here" in fewer.selection.words and fewer.problems.selected_in == 32
    cooler = replace(TUNED, sampling=replace(TUNED.sampling, temperature=0.3))
    pair = matched(BASE, cooler, "tuned")
    store = Store(tmp_path / "store")
    other = judge_checkpoint(pair, HARD, PLAN, store=store, engine_for=lambda model: CoinEngine(CHANCE[model.name]))
    assert pair.base.key() != BASE.key() and not pair.own_base
    # The base under the tuned model's settings chose for itself: what its own draw missed, column or not.
    table = store.read_attempts(pair.base.key(), "sieve", [p.key for p in HARD], ["problem", "text"])
    right = set(table.loc[table["text"].str.contains("boxed{1}", regex=False), "problem"])
    assert {p.key for p in other.problems} == {p.key for p in HARD} - right != {p.key for p in by_column}
    assert matched(BASE, TUNED, "base").own_base  # the base's own settings are no others


@pytest.mark.parametrize("on", [HARD, ProblemSet("hard", tuple(replace(p, meta={}) for p in HARD))])
def test_what_it_costs_at_most_is_what_it_costs_where_nothing_is_solved(tmp_path, on):
    pair, arm = matched(BASE, TUNED), BASE.with_sampling(temperature=0.3, max_tokens=7)
    store = {"store": Store(tmp_path / "store"), "engine_for": lambda model: CoinEngine(0.0)}
    steps = steps_at_most(pair, on, PLAN, ordinary=[EASY], redraws=2, arms=[arm])
    elicit(judge_checkpoint(pair, on, PLAN, ordinary=[EASY], redraws=2, **store), {"arm": arm}, **store)
    attempts, _ = store["store"].totals()
    assert sum(step.attempts for step in steps) == attempts
    assert sum(step.tokens for step in steps) == (attempts - steps[-1].attempts) * 1024 + steps[-1].attempts * 7
    assert cost_sentence(steps).startswith(f"At most {attempts:,} attempts (base ")


def test_parts_add_up_and_hold_the_counts_of_the_verdicts(tmp_path):
    judgement = judged(tmp_path)
    parts = judgement.parts().set_index("part")
    chosen = {p.key: p.meta["data_source"] for p in judgement.problems}
    assert list(parts.index) == [
        "all", "data_source: Beta", "data_source: ALPHA", "seen in training (by source)",
        "not seen in training (by source)",
    ]  # fmt: skip
    for name in SOURCES:
        keys = {key for key, source in chosen.items() if source == name}
        row = parts.loc[f"data_source: {name}"]
        assert row["tuned"] == solved(judgement.tuned_attempts, keys)
        assert row["redrawn"] == solved(judgement.redraws[0], keys)
    assert (parts.loc["seen in training (by source)"] == parts.loc["data_source: ALPHA"]).all()
    assert parts.loc["all", "tuned"] == parts["tuned"].iloc[1:3].sum() == judgement.judgement.comparison.expansion.count


def test_seen_by_statement_where_the_training_set_can_be_read_and_unknown_without_any_ground():
    from mathb_kit.problems import load_problems

    train = load_problems("mini-train")
    mixed = [Problem("mine", "0", train[3].statement, "1"), Problem("mine", "1", "Find $1 + 1$ in new words.", "2")]
    seen, how = seen_in_training(mixed, Model("m", "hub/m", trained_on=("mini-train",)))
    assert (seen, how) == ({mixed[0].key}, "by statement")
    elsewhere = Model("m", "hub/m", trained_on=("never-heard-of",))
    assert seen_in_training(mixed, elsewhere)[0] is None
    nameless = [Problem("mine", str(n), "Find $1$.", "1", {"source": source}) for n, source in enumerate(["", None])]
    assert seen_in_training(nameless, elsewhere, "source") == (set(), "by source")


def test_ordinary_sets_say_what_the_base_alone_reaches(tmp_path):
    judgement = judged(tmp_path, ordinary=[EASY])
    row = judgement.ordinary().iloc[0]
    base, tuned = judgement.saturated["easy"]
    keys = {problem.key for problem in EASY}
    only_base = sum(solved(base, {key}) > solved(tuned, {key}) for key in keys)
    assert (row["shrinkage"], row["problems"], row["k"]) == (only_base, 20, 32)
    assert row["low"] <= row["difference"] <= row["high"]
    assert len(judgement.changes()) == 20


def test_what_was_reached_is_shown_with_its_first_correct_completion(tmp_path):
    judgement = judged(tmp_path)
    shown = judgement.reached_with_tuning(most=3)
    verdicts = judgement.tuned_attempts.verdicts
    for row in shown.itertuples():
        right = verdicts[(verdicts["problem"] == row.problem) & (verdicts["verdict"] == "correct")]
        assert row.index == right["index"].min() and "boxed{1}" in row.completion
    assert shown["tuned_c"].gt(0).all() and len(shown) == 3


class Roomy(CoinEngine):
    """Every attempt comes to its end."""

    cut_off = 0

    def sample(self, chunks):
        for chunk, completions in super().sample(chunks):
            ends = ("length" if i % 2 < self.cut_off else "stop" for i in range(chunk.size))
            yield chunk, [replace(each, finish=end) for each, end in zip(completions, ends)]


class Cramped(Roomy):
    """Every other attempt ends at the token limit."""

    cut_off = 1


def test_a_base_that_chose_with_too_little_room_is_said_and_only_where_it_chose_here(tmp_path):
    def record(on, engine):
        made = judge_checkpoint(
            matched(BASE, TUNED), on, PLAN, store=Store(tmp_path / f"{engine.__name__} {len(on)}"),
            engine_for=lambda model: engine(CHANCE[model.name]),
        )  # fmt: skip
        return card_record(made)

    bare = ProblemSet("hard", tuple(Problem("hard", p.id, p.statement, p.gold) for p in HARD[:20]))
    chose = "base, choosing the problems"
    by_draw = record(bare, Cramped)
    assert by_draw["health"][chose]["truncated"] == 0.5
    assert by_draw["warnings"][0].startswith("base: 50 % of the attempts that chose the problems end at")
    assert not [said for said in record(bare, Roomy)["warnings"] if "chose" in said]
    by_column = record(HARD, Cramped)
    assert chose not in by_column["health"] and not [said for said in by_column["warnings"] if "chose" in said]


def test_the_card_is_one_harmless_page_and_its_json_says_the_same(tmp_path):
    judgement = judged(tmp_path, ordinary=[EASY])
    page, data = write_card(judgement, tmp_path / "cards")
    record = json.loads(data.read_text())
    assert record["verdict"] == judgement_sentence(judgement.judgement) and record["verdict"] in page.read_text()
    assert record["tuned"]["key"] == TUNED.key() and record["provenance"]["packages"]
    assert pd.DataFrame(record["parts"])["tuned"].tolist() == judgement.parts()["tuned"].tolist()
    assert str(tmp_path) not in json.dumps(record)
    seen = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.append((tag, dict(attributes)))
    parser.feed(page.read_text())
    assert not [tag for tag, attributes in seen if not str(attributes.get("src", "data:")).startswith("data:")]
    assert "b" not in {tag for tag, _ in seen}
    assert "as published" not in page.read_text()


def test_on_the_papers_set_its_table_2_stands_beside(tmp_path):
    page, _ = write_card(judged(tmp_path, replace(HARD, name="math-b")), tmp_path)
    text = page.read_text()
    assert "skywork-or1-7b" in text and "as published" in text
