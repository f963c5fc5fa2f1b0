"""From here to production trainers: our grader as their reward, and correct attempts as their supervised data.

TRL::

    trainer = trl.GRPOTrainer(model, way_up.trl_reward, args, train_dataset=way_up.trl_prompts(model, problems))

verl: name this file and function in the configuration, ``custom_reward_function.path=<this file>`` and
``custom_reward_function.name=verl_reward``; golds come from ``reward_model.ground_truth`` of verl's data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.grading import Grader, extract, grade
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem

if TYPE_CHECKING:
    import datasets


def trl_reward(completions: Sequence[Any], gold: Sequence[str], **_: Any) -> list[float]:
    """1 for a correct completion, else 0: a reward function for TRL's trainers.

    Args:
        completions: texts, or for chats lists of messages, of which the last counts.
        gold: the data's column of that name, one per completion.
    """
    texts = [text if isinstance(text, str) else text[-1]["content"] for text in completions]
    answers = [extract(text).answer for text in texts]
    pairs = [(right, answer) for right, answer in zip(gold, answers, strict=True) if answer is not None]
    with Grader() as grader:
        verdicts = grader.grade_all(pairs)
    verdict = {pair: told for pair, (told, _) in verdicts.items()}
    return [float(verdict.get(pair) == "correct") for pair in zip(gold, answers)]


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
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None
) -> float:
    """verl's ``compute_score``: 1 for a correct completion, else 0."""
    return float(grade(ground_truth, solution_str).verdict == "correct")


def export_solutions(evaluation: Evaluation, problems: Sequence[Problem], path: Path, *, most: int = 4) -> int:
    """Write correct attempts as supervised data: JSON lines with problem, answer and solution.

    `load_problems` reads the file, and ``train("distillation", on=path)`` learns from its solutions.

    Args:
        evaluation: of the model whose attempts are wanted.
        problems: the problems evaluated.
        path: a new ``.jsonl`` file.
        most: correct attempts per problem, the first ones.

    Returns:
        Number of rows written.

    Raises:
        MathbError: the file exists, or nothing was solved.
    """
    if path.exists():
        raise MathbError(f"{path} is there already; remove it or name another file.")
    right = evaluation.verdicts[evaluation.verdicts["verdict"] == "correct"].sort_values(["problem", "index"])
    chosen = right.groupby("problem").head(most)[["problem", "index"]]
    if chosen.empty:
        raise MathbError(f"{evaluation.model.name} solved none of these problems, so there is no solution to write.")
    texts = evaluation.draw.attempts(chosen["problem"].unique(), ["problem", "index", "text"])
    by_key = {problem.key: problem for problem in problems}
    rows = chosen.merge(texts, on=["problem", "index"])
    lines = []
    for row in rows.itertuples():
        problem = by_key[row.problem]
        told = {"id": f"{problem.id}-{row.index}", "problem": problem.statement, "answer": problem.gold}
        lines.append(json.dumps({**told, "solution": row.text, "origin": problem.key}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)
