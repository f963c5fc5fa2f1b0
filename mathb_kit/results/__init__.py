"""The tables of a study: its evaluations, its hard set's construction, and what its models did."""

from mathb_kit.results.construction import ConstructionResults
from mathb_kit.results.evaluations import StudyEvaluations
from mathb_kit.results.study import StudyResults
