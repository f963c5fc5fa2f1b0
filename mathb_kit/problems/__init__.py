"""Problems with golds, and where sets of them come from."""

from mathb_kit.problems.loader import load_problems, problem_sets
from mathb_kit.problems.problem import Problem, ProblemSet, statement_hash

__all__ = ["Problem", "ProblemSet", "load_problems", "problem_sets", "statement_hash"]
