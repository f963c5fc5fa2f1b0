"""Problems with golds, and where sets of them come from."""

from mathb_kit.problems.loader import load_problems, problem_sets, write_problems
from mathb_kit.problems.mirror import fetch
from mathb_kit.problems.part import at_random, part_in_words, part_of
from mathb_kit.problems.problem import Problem, ProblemSet, set_and_id, statement_hash, unsolved_column
from mathb_kit.problems.registry import ordinary_sets, plan_on
