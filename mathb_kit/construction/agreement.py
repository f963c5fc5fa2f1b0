"""Golds verified by independent strong solvers: a gold that none of them reaches is as likely wrong as hard.

Two rules are known. MATH-Beyond (arXiv 2510.11653, section 3.2) keeps a problem if at least one of two strong models
reproduces the gold in two attempts (``any``); DeepMath-103K (arXiv 2504.11456) if three solutions of one strong model
agree with each other and with the gold (``all``). Solutions are sampled here, or read from columns that a pool brings
along (DeepMath's ``r1_solution_1`` to ``_3``); either way our extractor reads the answers and our grader judges them.

No evaluated model may verify: a set whose golds were checked by a model favours what this model can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import Grader, extract
from mathb_kit.models.model import Model
from mathb_kit.models.registry import as_registered, checkpoints_root
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import EngineFactory, get_engine
from mathb_kit.store import Store
from mathb_kit.verdicts import Verdict

Rule = Literal["any", "all"]

DRAW = "verify"
"""Name of the draw that verifies."""

_COLUMNS = ["problem", "solver", "index", "answer", "verdict"]
_SHOWN = 40  # characters of an answer in a reason


def verified_by_solutions(
    problems: Sequence[Problem], columns: Sequence[str], rule: Rule = "all", *, store: Store | None = None
) -> Filtered:
    """Keep the problems whose gold the solutions reach that the pool itself brings along.

    Args:
        problems: candidates, with a solution text in each of the columns (in ``Problem.meta``).
        columns: e.g. ``("r1_solution_1", "r1_solution_2", "r1_solution_3")``. Who wrote them is for the caller to know:
            it must be none of the evaluated models.
        rule: see `verified`.
        store: keeps verdicts across runs.

    Raises:
        MathbError: a problem that lacks one of the columns.
    """
    return verified(problems, read_solutions(problems, columns, store=store), rule)


def sample_solutions(
    problems: Sequence[Problem],
    solvers: Sequence[Model],
    attempts: int = 2,
    *,
    evaluated: Sequence[Model],
    store: Store | None = None,
    engine_for: EngineFactory = get_engine,
) -> pd.DataFrame:
    """Let every solver try every problem.

    Args:
        problems: candidates with golds.
        solvers: the strong models.
        attempts: of each solver at each problem.
        evaluated: every model that screens, is sieved, or will be judged on the result.
        store: as for `mathb_kit.evaluate`.
        engine_for: gives the engine for a model.

    Returns:
        problem, solver, index, answer (null: none), verdict: one row per attempt. Problems without a gold have none.

    Raises:
        MathbError: a solver that is an evaluated model or of its family, or what `mathb_kit.evaluate` reports.
    """
    if not solvers:
        raise MathbError("Golds are verified by at least one strong model; name one, or leave this stage out.")
    refuse_evaluated(solvers, evaluated)
    with_gold = [problem for problem in problems if problem.gold.strip()]
    tables = [pd.DataFrame(columns=_COLUMNS)]
    for solver in solvers if with_gold else ():
        plan = Plan.fixed(attempts)
        verdicts = evaluate(solver, with_gold, plan, draw=DRAW, store=store, engine=engine_for).verdicts
        tables.append(verdicts.assign(solver=solver.name)[_COLUMNS])
    return pd.concat(tables, ignore_index=True)


def read_solutions(problems: Sequence[Problem], columns: Sequence[str], *, store: Store | None = None) -> pd.DataFrame:
    """Solutions that stand in columns, graded: the table of `sample_solutions`, ``solver`` being the column."""
    rows = []
    for problem in problems:
        for column in columns:
            if not isinstance(text := problem.meta.get(column), str):
                raise MathbError(f"Problem {problem.key} has no text in the column {column!r}; name another column.")
            rows.append((problem.key, column, 0, extract(text).answer, problem.gold))
    table = pd.DataFrame(rows, columns=["problem", "solver", "index", "answer", "gold"])
    with Grader(store) as grader:
        return grader.grade_answers(table)[_COLUMNS]


def verified(problems: Sequence[Problem], solutions: pd.DataFrame, rule: Rule) -> Filtered:
    """Keep the problems whose gold the solutions reach.

    Args:
        problems: candidates.
        solutions: problem, answer, verdict: one row per solution, as from `sample_solutions` or `read_solutions`.
        rule: ``any``: one of the solutions has the gold; ``all``: each of them has it.

    Returns:
        The stage ``agreement``. Reasons show the answers found. Under ``all`` they tell solutions that differ from
        those that agree with each other on another answer, which is evidence against the gold.

    Raises:
        MathbError: another rule, or a problem with a gold and without any solution.
    """
    if rule not in ("any", "all"):
        raise MathbError(f"The rule of agreement is 'any' or 'all', not {rule!r}.")
    by_problem = {key: rows for key, rows in solutions.groupby("problem", sort=False)}
    with Grader() as grader:
        reasons = [_fault(problem, by_problem.get(problem.key), rule, grader) for problem in problems]
    return drop_with_reason("agreement", problems, reasons)


def refuse_evaluated(solvers: Iterable[Model], evaluated: Iterable[Model]) -> None:
    """MathbError naming the first solver that is an evaluated model, or shares weights or an ancestor with one.

    Names, hub ids, contents of checkpoints and chains of ``Model.base`` are compared. A teacher that a model was
    distilled from is not in that chain: leave it out yourself. The miniature's models always count as evaluated; the
    golds of its problems are checked exactly (`check_answers`).
    """
    miniature = _miniature()
    studied = [*evaluated, *miniature]
    names = {each: model.name for model in reversed(studied) for each in reversed(_family(model))}
    names |= {each: model.name for model in reversed(studied) for each in _identities(model)}
    for solver in solvers:
        if relative := next((names[each] for each in _family(solver) if each in names), None):
            how = "is evaluated" if relative == solver.name else f"is of one family with {relative}, which is evaluated"
            if relative in {model.name for model in miniature}:
                how += ", as all models of the miniature are"
            raise MathbError(
                f"{solver.name} cannot verify answers, because it {how}; name strong models of another origin, or "
                "check golds without any model."
            )


def _miniature() -> list[Model]:
    return [as_registered(config.parent.name) for config in sorted(checkpoints_root().glob("*/config.json"))]


def _family(model: Model) -> list[str]:
    """Names and weights of a model, then of all that it descends from as far as the registry knows."""
    family, base = _identities(model), model.base
    while base and base.casefold() not in family:
        family.append(base.casefold())
        try:
            ancestor = as_registered(base)
        except MathbError:  # a base that is not registered is known by its name only
            break
        family += _identities(ancestor)
        base = ancestor.base
    return family


def _identities(model: Model) -> list[str]:
    weights = Model("", model.source, revision=model.revision).key()  # however it is prompted and sampled
    return [weights, model.name.casefold(), *([] if model.is_local else [model.source.casefold()])]


def _fault(problem: Problem, solutions: pd.DataFrame | None, rule: Rule, grader: Grader) -> str | None:
    if not problem.gold.strip():
        return "no gold"
    if solutions is None:
        raise MathbError(f"Problem {problem.key} has no solutions; hand in those of all problems.")
    correct = solutions["verdict"] == Verdict.CORRECT
    if correct.all() or (rule == "any" and correct.any()):
        return None
    answers = f"answers {', '.join('none' if pd.isna(a) else _short(a) for a in solutions['answer'])}"
    if (solutions["verdict"] == Verdict.GRADER_FAILED).any():
        return f"an answer could not be graded: {answers}"
    if rule == "any":
        return f"no solver reproduced the gold: {answers}"
    if solutions["answer"].isna().any():
        return f"a solution has no answer: {answers}"
    how = "the solutions agree on another answer" if _agree(solutions, grader) else "disagreement"
    return f"{how}: {answers}"


def _agree(solutions: pd.DataFrame, grader: Grader) -> bool:
    """Whether all answers equal the first one."""
    first, *others = solutions["answer"]
    return all(verdict == Verdict.CORRECT for verdict, _ in grader.grade_all((first, each) for each in others).values())


def _short(answer: str) -> str:
    answer = " ".join(answer.split())
    return answer if len(answer) <= _SHOWN else f"{answer[: _SHOWN - 1]}…"
