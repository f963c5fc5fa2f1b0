"""RL on a real language model: its problems and recipes (``python -m mathb_kit.lab.word_problems``).

SmolLM2-135M hardly ever boxes an answer, so a supervised start on training solutions makes a base of our own, and that
is the base with which everything is compared. Its solutions are bare equations, built here from the field in which
ASDiv writes them down; nothing of the sets is part of this package.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.construction import contamination, near_contamination
from mathb_kit.errors import MathbError
from mathb_kit.lab.lora import Lora
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import read_log
from mathb_kit.models import asked, get_model
from mathb_kit.models.adapters import ADAPTERS
from mathb_kit.places import lab_root
from mathb_kit.problems import Problem, ProblemSet, load_problems
from mathb_kit.settings import read_toml

if TYPE_CHECKING:
    import pandas as pd

RECIPES = Path(__file__).with_suffix(".toml")

_OPERATIONS = {ast.Add: "__add__", ast.Sub: "__sub__", ast.Mult: "__mul__", ast.Div: "__truediv__"}


def start_problems() -> ProblemSet:
    """Problems of ASDiv whose formula leads to the gold, with formula and boxed gold as their solution.

    Raises:
        MathbError: ASDiv or SVAMP is not here.
    """
    asdiv = load_problems("asdiv")
    solved = tuple(replace(p, meta={"solution": text}) for p in asdiv if (text := _as_equation(p)))
    return _apart(replace(asdiv, problems=solved))


def rl_problems() -> ProblemSet:
    """MAWPS, which has golds and no solutions."""
    return _apart(load_problems("mawps"))


def judged_problems() -> ProblemSet:
    """The first problems of SVAMP, as its copy has them."""
    return load_problems("svamp")[: _recipes()["held_out"]]


def _apart(problems: ProblemSet) -> ProblemSet:
    """Without what is a problem of SVAMP up to typing, or in other words."""
    svamp = [load_problems("svamp")]
    return near_contamination(contamination(problems, svamp).kept, svamp).kept


def _as_equation(problem: Problem) -> str | None:
    """``48/2=24`` and the boxed answer, a line each; None where the formula does not lead to the gold."""
    left, _, right = problem.meta["formula"].replace(" ", "").partition("=")
    try:
        holds = _value(ast.parse(left, mode="eval").body) == Fraction(right) == Fraction(problem.gold)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return None
    return f"{left}={right}\n\\boxed{{{problem.gold}}}" if holds else None


def _value(node: ast.expr) -> Fraction:
    """The value of an arithmetic expression; nothing is run."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return getattr(_value(node.left), _OPERATIONS[type(node.op)])(_value(node.right))
    raise ValueError("no arithmetic expression")


def run_of(name: str, into: Path | None = None) -> Run:
    """The training run of a recipe.

    Args:
        name: of the recipe.
        into: folder of adapters; a start that is not there is taken as it ships.

    Raises:
        MathbError: no such recipe, or its base or problems are not here.
    """
    recipes = _recipes()["adapters"]
    if name not in recipes:
        raise MathbError(f"There is no recipe {name!r}; there are {', '.join(recipes)}.")
    recipe: dict[str, Any] = dict(recipes[name])
    folder = into or lab_root() / "word-problems"
    base = folder / recipe.pop("from")
    problems = start_problems() if recipe["objective"] == "distillation" else rl_problems()
    base_model = get_model(base if base.is_dir() else base.name)
    model = asked(base_model, **recipe.pop("asked", {}))
    lora = Lora(recipe.pop("lora"))
    return Run.of(recipe.pop("objective"), model, on=list(problems), to=folder / name, lora=lora, **recipe)


def recipe_table() -> pd.DataFrame:
    """The recipes, a row each."""
    import pandas as pd

    rows = [{"name": name, **recipe} for name, recipe in _recipes()["adapters"].items()]
    return pd.DataFrame(rows).drop(columns="asked")


def shipped_logs(names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """The training logs of adapters that ship, by name."""
    return {name: read_log(ADAPTERS / name) for name in names}


def joined_logs(logs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Logs of runs under each other, with a column name."""
    import pandas as pd

    return pd.concat([log.assign(name=name) for name, log in logs.items()], ignore_index=True)


def ends_of(logs: Mapping[str, pd.DataFrame], steps: int = 10) -> pd.DataFrame:
    """Means of the first and of the last steps of each run: name, steps, and columns of its log."""
    import pandas as pd

    columns, rows = ["reward", "mixed", "entropy", "kl", "length", "truncated"], []
    for name, log in logs.items():
        for what, part in (("first", log.head(steps)), ("last", log.tail(steps))):
            rows.append({"name": name, "steps": f"{what} {steps}"} | part[columns].mean().to_dict())
    return pd.DataFrame(rows)


def _recipes() -> dict[str, Any]:
    return read_toml(RECIPES)


def main() -> None:
    names = list(_recipes()["adapters"])
    parser = argparse.ArgumentParser(description="Train the adapters of the study of RL on a real model.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--into", type=Path, help="folder of adapters; runs/lab/word-problems by default")
    arguments = parser.parse_args()
    for name in arguments.names or names:
        print(run_of(name, arguments.into).train())


if __name__ == "__main__":
    main()
