"""Logs of other tools: what our store holds comes back through each of them, and what tools really write is read."""

from __future__ import annotations

import json
import os
import subprocess

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


INSPECT = '''
import sys, types
fake = types.ModuleType("tiktoken")  # it would fetch its table of words from the network
fake.get_encoding = lambda name: types.SimpleNamespace(encode=lambda text, **_: text.split())
sys.modules["tiktoken"] = fake
from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, ModelOutput, get_model
from inspect_ai.scorer import match
data = [Sample(id=f"p{i}", input=f"Find ${i}+{i + 1}$.", target=str(2 * i + 1)) for i in range(3)]
def outputs():
    for epoch in range(4):
        for i in range(3):
            value = 2 * i + 1 if (epoch + i) % 2 == 0 else 99
            stop = "max_tokens" if (epoch, i) == (3, 2) else "stop"
            text = f"\\\\boxed{{{value}}}\\n\\nANSWER: {value}"
            yield ModelOutput.from_content("mockllm/model", text, stop_reason=stop)
for form in ("eval", "json"):
    task = Task(dataset=MemoryDataset(data, name="sums"), scorer=match(numeric=True), epochs=Epochs(4, "mean"))
    (log,) = eval(task, model=get_model("mockllm/model", custom_outputs=list(outputs())), log_dir=sys.argv[1],
                  log_format=form, display="none", max_samples=1)
    assert log.status == "success", log.error
'''


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("MATHB_INSPECT_PYTHON"), reason="MATHB_INSPECT_PYTHON names no environment")
def test_what_inspect_really_writes_is_read(tmp_path):
    """Its scheduler hands canned outputs to samples in an order of its own: verdicts are compared as a whole."""
    (tmp_path / "make.py").write_text(INSPECT)
    subprocess.run([os.environ["MATHB_INSPECT_PYTHON"], tmp_path / "make.py", tmp_path / "logs"], check=True)
    logs = sorted((tmp_path / "logs").iterdir())
    assert sorted(path.suffix for path in logs) == [".eval", ".json"]
    for path in logs:
        samples = import_files([path])
        assert samples.on == "sums" and samples.outcomes["n"].tolist() == [4, 4, 4]
        assert samples.outcomes["truncated"].sum() == 1
        (row,) = compare_verdicts(samples.verdicts).to_dict("records")
        assert row["only_ours"] == row["only_theirs"] == row["one_sided"] == 0 and 0 < row["both_correct"] < 12


LM_EVAL = '''task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/sums.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{problem}}}}\\n"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["</s>"], do_sample: true, temperature: 1.0, max_gen_toks: 32}}
repeats: 3
filter_list: [{{name: keep, filter: [{{function: take_first_k, k: 3}}]}}]
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
'''


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("MATHB_LM_EVAL_PYTHON"), reason="MATHB_LM_EVAL_PYTHON names no environment")
def test_what_lm_eval_really_writes_is_read(tmp_path):
    from mathb_kit.miniature import CHECKPOINTS

    rows = [{"problem": f"Let $a={i}+{i + 1}$. Find $a$.", "answer": str(2 * i + 1)} for i in range(3)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(LM_EVAL.format(folder=tmp_path))
    command = [os.environ["MATHB_LM_EVAL_PYTHON"], "-m", "lm_eval", "--model", "hf", "--model_args",
               f"pretrained={CHECKPOINTS / 'mini-base-1'}", "--tasks", "sums", "--include_path", tmp_path,
               "--log_samples", "--output_path", tmp_path / "out", "--device", "cpu"]  # fmt: skip
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    (path,) = (tmp_path / "out").rglob("samples_*.jsonl")
    samples = import_files([path])
    assert samples.outcomes["n"].tolist() == [3, 3, 3] and samples.outcomes["gold"].tolist() == ["1", "3", "5"]
    assert samples.origin["settings"]["tool"].startswith("lm-eval 0.") and samples.models == ["mini-base-1"]
