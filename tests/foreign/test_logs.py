"""Logs of other tools: what our store holds comes back through each of them, and what tools really write is read."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from foreign_logs import WRITERS, inspect_log

import mathb_kit as mb
from mathb_kit.errors import MathbError
from mathb_kit.foreign import compare_verdicts, import_files, remarks
from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION
from mathb_kit.problems.problem import statement_hash
from mathb_kit.store.export import export


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Outcomes of our own evaluation, the rows of its export, and the export."""
    folder = tmp_path_factory.mktemp("store")
    store, problems = mb.Store(folder / "store"), mb.load_problems("mini-aime")[:12]
    evaluation = mb.evaluate(mb.get_model("mini-base-1"), problems, mb.Plan.fixed(4), store=store)
    path = folder / "export.jsonl"
    golds = {problem.key: problem.gold for problem in problems}
    export(store, path, extractor=f"{EXTRACTOR_VERSION}-last_box", grader=GRADER_VERSION, golds=golds)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return evaluation.outcomes.set_index("problem"), rows, path


def test_the_export_of_our_store_comes_back_with_equal_outcomes(stored):
    outcomes, rows, path = stored
    back = import_files([path]).arm("mini-base-1").set_index("problem").loc[outcomes.index]
    for column in ("n", "c", "no_answer", "truncated", "tokens"):
        assert (back[column] == outcomes[column]).all(), column
    first = outcomes["first_correct"]
    pd.testing.assert_series_equal(back["first_correct"], first, check_names=False)
    assert outcomes["c"].sum() > 0 and (outcomes["c"] < 4).any()


@pytest.mark.parametrize("tool", WRITERS)
def test_through_the_log_of_another_tool_outcomes_stay_equal(tool, stored, tmp_path):
    outcomes, rows, _ = stored
    samples = import_files([WRITERS[tool](rows, tmp_path)])
    back = samples.outcomes.set_index("problem")
    keys = [statement_hash(key) if tool in ("verl", "trl") else key for key in outcomes.index]
    back = back.loc[keys]
    assert (back[["n", "c", "no_answer"]].to_numpy() == outcomes[["n", "c", "no_answer"]].to_numpy()).all()
    assert back["first_correct"].tolist() == outcomes["first_correct"].tolist()
    if tool in ("inspect json", "inspect eval", "verl", "trl"):  # these have a verdict for each attempt
        (row,) = compare_verdicts(samples.verdicts).to_dict("records")
        assert row["both_correct"] == outcomes["c"].sum() and row["only_ours"] == row["only_theirs"] == 0
    if tool.startswith("inspect"):
        assert back["truncated"].tolist() == outcomes["truncated"].tolist()
    else:
        assert "truncated" not in back  # not known is not 0


def test_their_verdict_is_kept_beside_ours_and_counted_where_they_differ(tmp_path):
    rows = [
        {"id": "p", "gold": "5", "text": r"\boxed{5}", "correct": False, "model": "m"},
        {"id": "p", "gold": "5", "text": r"\boxed{6}", "correct": True, "model": "m"},
        {"id": "p", "gold": "5", "text": None, "correct": None, "model": "m"},
        {"id": "q", "gold": "5", "text": r"\boxed{5}", "correct": True, "model": "m"},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = import_files([path])
    outcomes = samples.outcomes.set_index("problem")
    assert outcomes.loc["p", ["n", "c", "grader_failed"]].tolist() == [3, 1, 1]
    (row,) = compare_verdicts(samples.verdicts).to_dict("records")
    assert (row["both_correct"], row["only_ours"], row["only_theirs"], row["one_sided"]) == (1, 1, 1, 0)
    assert "ours and the log's agree on 1" in remarks(samples)[0]


def test_copies_that_pass_for_samples_are_named(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"id": "p", "gold": "5", "completions": [r"\boxed{5}"] * 4}) + "\n")
    assert "copies, not samples" in remarks(import_files([path]))[-1]


def test_verdicts_stand_where_no_gold_is_known_and_are_called_theirs(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "p", "completions": ["a", "b"], "correct": [true, false]}\n')
    samples = import_files([path])
    assert samples.outcomes["c"].tolist() == [1] and samples.origin["grader"] == "as in the log"


def test_logs_that_cannot_be_read_are_refused_in_one_sentence(stored, tmp_path):
    _, rows, _ = stored
    log = tmp_path / "log.json"
    faults = {
        "version 9; this reads 1 and 2": json.dumps(inspect_log(rows, version=9)),
        "holds no samples, only a header": json.dumps({**inspect_log(rows), "samples": []}),
        "is no whole JSON file": json.dumps(inspect_log(rows))[:500],
    }
    for said, text in faults.items():
        log.write_text(text)
        with pytest.raises(MathbError, match=said) as refused:
            import_files([log])
        assert "\n" not in str(refused.value) and str(log) in str(refused.value)
    archive = WRITERS["inspect eval"](rows, tmp_path)
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(MathbError, match="is no whole .eval archive"):
        import_files([archive])
    old = tmp_path / "samples_t_2024-01-01T00.jsonl"
    old.write_text('{"doc_id": 0, "doc": {}, "logit_0": "x"}\n')
    with pytest.raises(MathbError, match="line 1 has no 'resps', which lm-eval's samples have since version 0.4"):
        import_files([old])
    plain = tmp_path / "x.jsonl"
    plain.write_text('{"id": "p", "gold": " ", "completions": ["5"]}\n{"id": "q", "gold": "1", "completions": ["5"]}\n')
    with pytest.raises(MathbError, match="Problem 'p' of x has an empty gold"):
        import_files([plain])
    plain.write_text('{"id": "p", "gold": "1", "text": "5"}\n{"id": "p", "gold": "2", "text": "5"}\n')
    with pytest.raises(MathbError, match="Problem 'p' of x has several golds"):
        import_files([plain])


def test_rewards_of_minus_one_and_one_are_verdicts_and_others_are_none(tmp_path):
    def verdicts(scores: list) -> list:
        path = tmp_path / "run" / "3.jsonl"
        path.parent.mkdir(exist_ok=True)
        lines = [{"input": "p", "output": r"\boxed{5}", "gts": "5", "score": score, "step": 3} for score in scores]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return import_files([path]).verdicts["their_verdict"].tolist()

    assert verdicts([1.0, -1.0]) == [True, False] and verdicts([-1.0]) == [False]
    assert verdicts([0.0, 1.0]) == [False, True]
    assert verdicts([0.5, 1.0, -1.0]) == [None, True, None]  # some other reward: only 1 is what it says
    assert verdicts(["True", "False", "0.5", "1.0"]) == [True, False, None, True]  # numpy's, written as texts


def test_an_empty_completion_is_an_attempt_without_an_answer_and_an_error_is_none(stored, tmp_path):
    _, rows, _ = stored
    log = inspect_log(rows[:3])
    for sample in log["samples"]:
        sample["id"] = "p"
        sample["target"] = "5"
    log["samples"][0]["output"]["completion"] = ""
    log["samples"][1] |= {"error": {"message": "server gone"}, "scores": {}}
    log["samples"][2]["limit"] = {"type": "token"}
    (tmp_path / "log.json").write_text(json.dumps(log))
    samples = import_files([tmp_path / "log.json"])
    assert samples.verdicts["rung"].tolist()[:2] == ["extraction", "no text"]
    assert samples.outcomes[["no_answer", "grader_failed"]].iloc[0].tolist()[1] == 1
    assert samples.verdicts["truncated"].tolist()[2]


@pytest.mark.parametrize(
    ("folders", "model"),
    [("details/maker/model/2026-01-01", "maker/model"), ("details/dummy/2026-01-01", "dummy"),
     ("details/home/me/runs/my-model/2026-01-01", "my-model"), ("elsewhere", "elsewhere")],
)  # fmt: skip
def test_the_model_of_lightevals_details_is_in_their_path(folders, model, stored, tmp_path):
    _, rows, _ = stored
    folder = tmp_path / folders
    folder.mkdir(parents=True)
    assert import_files([WRITERS["lighteval"](rows[:4], folder)]).models == [model]
