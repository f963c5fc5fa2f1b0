"""What every verifier grades: the failure modes, labelled real rows where they are at hand, the miniature, monsters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.problems.files import data_folder, read_rows
from mathb_kit.verifiers.failure_modes import load_failure_modes
from mathb_kit.verifiers.runner import row_key

MINIATURE_ROWS = 300
FEW_SAMPLES = 200

# Answers that keep a computer algebra system busy; none of them is 7.
_MONSTERS = (
    r"9^{9^{9^{9}}}",
    r"\binom{10000000}{5000000}",
    r"1000000!",
    r"\sum_{n=1}^{10000000}\frac{1}{n^2+1}",
    "(" * 3000 + "8" + ")" * 3000,
    r"\frac{1}{1+" * 200 + "1" + "}" * 200,
)


class ComparisonRow(NamedTuple):
    """A completion to grade; ``label`` is whether it is right, None where nobody said so."""

    source: str
    gold: str
    completion: str
    label: bool | None


def comparison_rows(evaluations: dict[tuple[str, str], Evaluation], *, few: bool = False) -> pd.DataFrame:
    """The rows that all verifiers grade.

    Args:
        evaluations: the miniature study (``StudyResults.evaluations``); a sample of its distinct texts is taken.
        few: of the labelled completions only the first 200.

    Returns:
        One row per distinct (source, gold, completion): row (the key of its result), source (``failure modes``,
        ``public test cases``, ``real completions``, ``miniature``, ``monsters``), gold, completion, label (True, False,
        None: nobody said). The two real sources are there if ``MATHB_DATA_DIR`` names a folder with their files.

    Raises:
        MathbError: a file of real rows that cannot be read.
    """
    rows = [ComparisonRow("failure modes", case.gold, case.completion, case.is_right) for case in load_failure_modes()]
    if folder := data_folder():
        rows += _test_cases(folder / "grader_cases_dev.jsonl")
        completions = list(_labelled_completions(folder / "samples_dev.jsonl"))
        rows += completions[:FEW_SAMPLES] if few else completions
    rows += _miniature(evaluations)
    rows += [ComparisonRow("monsters", "7", rf"After a long calculation the answer is $\boxed{{{text}}}$.", False)
             for text in _MONSTERS]  # fmt: skip
    frame = pd.DataFrame(rows).drop_duplicates(["source", "gold", "completion"], ignore_index=True)
    frame["label"] = frame["label"].astype(object)
    frame.insert(0, "row", [row_key(gold, completion) for gold, completion in zip(frame["gold"], frame["completion"])])
    return frame


def rows_by_source(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of each source, and what their labels say: source, rows, right, wrong, unlabelled."""
    label = rows["label"].map({True: "right", False: "wrong"}).fillna("unlabelled")
    counts = label.groupby(rows["source"], sort=False).value_counts().unstack(fill_value=0)
    counts = counts.reindex(index=rows["source"].unique(), columns=["right", "wrong", "unlabelled"], fill_value=0)
    counts.insert(0, "rows", counts.sum(axis=1))
    return counts.rename_axis(columns=None).reset_index()


def _test_cases(path: Path) -> Iterator[ComparisonRow]:
    """Cases of public test suites on which conventions agree; a bare answer is put where a model would: in a box."""
    for _, case in read_rows(path) if path.is_file() else ():
        if case["convention"] == "math":
            text = case["prediction"]
            bare = case["prediction_kind"] == "answer" and "\\boxed" not in text
            yield ComparisonRow(
                "public test cases", case["gold"], rf"$\boxed{{{text}}}$" if bare else text, case["expected"]
            )


def _labelled_completions(path: Path) -> Iterator[ComparisonRow]:
    for _, problem in read_rows(path) if path.is_file() else ():
        for sample in problem["samples"]:
            if not sample.get("label_suspect"):
                yield ComparisonRow("real completions", problem["gold"], sample["response"], sample["label"])


def _miniature(evaluations: dict[tuple[str, str], Evaluation]) -> list[ComparisonRow]:
    """A sample of distinct (gold, text) among the first 16 attempts, the same on every machine: by hash."""
    pairs = set()
    for evaluation in evaluations.values():
        golds = evaluation.verdicts.drop_duplicates("problem").set_index("problem")["gold"]
        attempts = evaluation.first_attempts(16)
        pairs.update(zip(attempts["problem"].map(golds), attempts["text"]))
    chosen = sorted(pairs, key=lambda pair: row_key(*pair))[:MINIATURE_ROWS]
    return [ComparisonRow("miniature", gold, text, _same_integer(gold, text)) for gold, text in chosen]


def _same_integer(gold: str, text: str) -> bool | None:
    """Whether the one box of a text holds the gold, both plain integers; None where it is not that simple."""
    boxes = re.findall(r"\\boxed\{(-?\d+)\}", text)
    return int(boxes[0]) == int(gold) if len(boxes) == 1 == text.count("\\boxed") else None
