"""RL objectives: pure functions of a `Batch` (log-probabilities, rewards, mask, groups), and a registry of them."""

from mathb_kit.lab.objectives.batch import Batch
from mathb_kit.lab.objectives.registry import OBJECTIVES, Objective, TokenReward, get_objective
