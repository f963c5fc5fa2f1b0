__version__: str

from . import (
    construction as construction,
    grading as grading,
    judging as judging,
    lab as lab,
    models as models,
    plots as plots,
    problems as problems,
    profiles as profiles,
    published as published,
    released as released,
    report as report,
    results as results,
    sampling as sampling,
    sentences as sentences,
    statistics as statistics,
    store as store,
    verifiers as verifiers,
)
from .draw import Draw as Draw
from .errors import MathbError as MathbError
from .evaluation import evaluate as evaluate
from .grading import grade as grade, grade_file as grade_file
from .judging import judge as judge
from .models import Model as Model, Sampling as Sampling, get_model as get_model, list_models as list_models
from .plan import Plan as Plan
from .plots import plot_pass_at_k as plot_pass_at_k, save_figure as save_figure
from .problems import (
    Problem as Problem,
    ProblemSet as ProblemSet,
    load_problems as load_problems,
    problem_sets as problem_sets,
)
from .profiles import load_profile as load_profile
from .statistics import (
    estimate_pass_at_k as estimate_pass_at_k,
    g_pass_at_k as g_pass_at_k,
    maj_at_k as maj_at_k,
    pass_at_k as pass_at_k,
    pass_at_k_curve as pass_at_k_curve,
)
from .store import Store as Store
