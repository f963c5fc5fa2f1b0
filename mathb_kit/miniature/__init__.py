"""The miniature: arithmetic problems, shipped sets and tiny checkpoints that stand in for the paper's models.

A leaf: it imports nothing of the package but its own modules. How the checkpoints were made is in
``mathb_kit/lab/recipes``.
"""

from pathlib import Path

from mathb_kit.miniature.evaluator import evaluate_statement
from mathb_kit.miniature.generator import FAMILIES, LEVELS, MODES, Exercise, draw_exercise, mode_of, solve
from mathb_kit.miniature.sets import problem_rows, shipped_sets

CHECKPOINTS = Path(__file__).parent / "checkpoints"
