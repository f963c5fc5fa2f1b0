"""Do RL-tuned language models reach mathematics that their base cannot?

``import mathb_kit as mb`` loads nothing heavy: every name below is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Draw": "draw",
    "MathbError": "errors",
    "Model": "models",
    "Plan": "plan",
    "Problem": "problems",
    "ProblemSet": "problems",
    "Sampling": "models",
    "Store": "store",
    "StudyResults": "results",
    "UNIFORM": "judging",
    "attempts_saved": "statistics",
    "beside_published": "report.status",
    "chance_corrected": "statistics",
    "chance_lines": "judging",
    "chance_of": "judging",
    "change_by_problem": "judging",
    "compare_reach": "statistics",
    "engine_factory": "sampling",
    "estimate_pass_at_k": "statistics",
    "evaluate": "evaluation",
    "expansion_beside_redrawn": "judging",
    "figures_folder": "report.folders",
    "fit_success_rates": "statistics",
    "frozen_null": "statistics",
    "newly_reached": "statistics",
    "get_engine": "sampling",
    "get_model": "models",
    "grade": "grading",
    "grade_file": "grading",
    "judge": "judging",
    "judge_checkpoint": "judging",
    "list_models": "models",
    "matched": "models",
    "load_problems": "problems",
    "load_profile": "profiles",
    "mode_shares": "lab.modes",
    "paired_difference": "statistics",
    "parse_shard": "sampling",
    "pass_at_k": "statistics",
    "pass_at_k_curve": "statistics",
    "plot_differences": "plots",
    "plot_funnel": "plots",
    "plot_modes": "plots",
    "plot_pass_at_k": "plots",
    "plot_sharpening": "plots",
    "problem_sets": "problems",
    "problems_met": "judging",
    "proportion_interval": "statistics",
    "published_stages": "published",
    "reach": "statistics",
    "redraw_interval": "statistics",
    "run_notebook": "report.notebooks",
    "save_figure": "plots",
    "study_evaluations": "judging",
}
__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:  # what editors and type checkers see; a test holds it to the table above
    from mathb_kit.draw import Draw
    from mathb_kit.errors import MathbError
    from mathb_kit.evaluation import evaluate
    from mathb_kit.grading import grade, grade_file
    from mathb_kit.judging import (
        UNIFORM,
        chance_lines,
        chance_of,
        change_by_problem,
        expansion_beside_redrawn,
        judge,
        judge_checkpoint,
        problems_met,
        study_evaluations,
    )
    from mathb_kit.lab.modes import mode_shares
    from mathb_kit.models import Model, Sampling, get_model, list_models, matched
    from mathb_kit.plan import Plan
    from mathb_kit.plots import (
        plot_differences,
        plot_funnel,
        plot_modes,
        plot_pass_at_k,
        plot_sharpening,
        save_figure,
    )
    from mathb_kit.problems import Problem, ProblemSet, load_problems, problem_sets
    from mathb_kit.profiles import load_profile
    from mathb_kit.published import published_stages
    from mathb_kit.report.folders import figures_folder
    from mathb_kit.report.notebooks import run_notebook
    from mathb_kit.report.status import beside_published
    from mathb_kit.results import StudyResults
    from mathb_kit.sampling import engine_factory, get_engine, parse_shard
    from mathb_kit.statistics import (
        attempts_saved,
        chance_corrected,
        compare_reach,
        estimate_pass_at_k,
        fit_success_rates,
        frozen_null,
        newly_reached,
        paired_difference,
        pass_at_k,
        pass_at_k_curve,
        proportion_interval,
        reach,
        redraw_interval,
    )
    from mathb_kit.store import Store


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # asked once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
