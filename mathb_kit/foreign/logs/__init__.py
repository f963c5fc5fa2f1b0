"""Logs of other tools, each read into attempts: model, problem, text, gold, their_verdict, truncated, tokens.

A reader takes a path and gives `Attempts`. What a log does not say is None, never a guess.
"""

from mathb_kit.foreign.logs.attempts import Attempts
from mathb_kit.foreign.logs.inspect_ai import read_inspect
from mathb_kit.foreign.logs.lighteval import read_lighteval
from mathb_kit.foreign.logs.lm_eval import read_lm_eval
from mathb_kit.foreign.logs.plain import read_plain
from mathb_kit.foreign.logs.rollouts import read_rollouts

__all__ = ["Attempts", "read_plain", "read_inspect", "read_lighteval", "read_lm_eval", "read_rollouts"]
