"""From here to production trainers: our grader as their reward, and correct attempts as their supervised data.

TRL::

    trainer = trl.GRPOTrainer(model, way_up.trl_reward, args, train_dataset=way_up.trl_prompts(model, problems))

verl: name this file and function in the configuration, ``custom_reward_function.path=<this file>`` and
``custom_reward_function.name=verl_reward``; golds come from ``reward_model.ground_truth`` of verl's data.
"""

from __future__ import annotations

import atexit
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.grading import Grader, extract
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    import datasets


def trl_reward(completions: Sequence[Any], gold: Sequence[Any], **_: Any) -> list[float]:
    """1 for a correct completion, else 0: a reward function for TRL's trainers.

    All calls of a process share one grader, which ends with it.

    Args:
        completions: texts, or for chats lists of messages, of which the last counts; a number is a bare answer.
        gold: the data's column of that name, one per completion: texts or numbers.

    Raises:
        MathbError: a gold or a completion that is neither.
    """
    golds = [_as_text(right, "gold") for right in gold]
    pairs = list(zip(golds, map(_answer, completions), strict=True))
    verdicts = _grader().grade_all([(right, answer) for right, answer in pairs if answer is not None])
    return [float(verdicts.get(pair, (None,))[0] == Verdict.CORRECT) for pair in pairs]


def trl_prompts(model: Model, problems: Sequence[Problem]) -> datasets.Dataset:
    """Problems as TRL wants them: ``prompt`` (text, or a chat for models that are prompted by chat) and ``gold``."""
    import datasets

    def prompt(problem: Problem) -> Any:
        text = model.render(problem.statement)
        if model.prompt != "chat":
            return text
        system = [{"role": "system", "content": model.system}] if model.system else []
        return [*system, {"role": "user", "content": text}]

    rows = [{"prompt": prompt(problem), "gold": problem.gold} for problem in problems]
    return datasets.Dataset.from_list(rows)


def verl_reward(
    data_source: str, solution_str: Any, ground_truth: Any, extra_info: Mapping[str, Any] | None = None
) -> float:
    """verl's ``compute_score``: 1 for a correct completion, else 0; see `trl_reward`."""
    return trl_reward([solution_str], [ground_truth])[0]


def export_solutions(evaluation: Evaluation, problems: Sequence[Problem], path: Path, *, most: int = 4) -> int:
    """Write correct attempts as supervised data: JSON lines with problem, answer and solution.

    `load_problems` reads the file, and ``train("distillation", on=path)`` learns from its solutions.

    Args:
        evaluation: of the model whose attempts are wanted.
        problems: the problems evaluated.
        path: a new ``.jsonl`` file.
        most: correct attempts per problem, the first ones.

    Returns:
        Real of rows written.

    Raises:
        MathbError: the file exists, or nothing was solved.
    """
    if path.exists():
        raise MathbError(f"{path} is there already; remove it or name another file.")
    right = evaluation.verdicts[evaluation.verdicts["verdict"] == Verdict.CORRECT].sort_values(["problem", "index"])
    chosen = right.groupby("problem").head(most)[["problem", "index"]]
    if chosen.empty:
        raise MathbError(f"{evaluation.model.name} solved none of these problems, so there is no solution to write.")
    texts = evaluation.draw.attempts(chosen["problem"].unique(), ["problem", "index", "text"])
    by_key = {problem.key: problem for problem in problems}
    rows = chosen.merge(texts, on=["problem", "index"])
    lines = []
    for row in rows.itertuples():
        problem = by_key[row.problem]
        fields = {"id": f"{problem.id}-{row.index}", "problem": problem.statement, "answer": problem.gold}
        lines.append(json.dumps({**fields, "solution": row.text, "origin": problem.key}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


@cache
def _grader() -> Grader:
    """For all calls of a process, ended with it; its workers know whose they are, so that trainers may fork."""
    grader = Grader()
    atexit.register(grader.close)
    return grader


def _answer(completion: Any) -> str | None:
    if isinstance(completion, (list, tuple)):
        completion = completion[-1]["content"]
    kind = "response" if isinstance(completion, str) else "answer"
    return extract(_as_text(completion, "completion"), kind=kind).answer


def _as_text(value: Any, name: str) -> str:
    """A text as it is; AIME's golds are numbers in many tables, and 33.0 where a row had none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(value)
    raise MathbError(f"The {name} {value!r} is neither a text nor a number; correct the data's column.")
