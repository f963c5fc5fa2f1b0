"""Models: a checkpoint with its prompt and sampling settings."""

from mathb_kit.models.asking import asked
from mathb_kit.models.fetch import fetch_small
from mathb_kit.models.matching import Pair, matched, settings_table
from mathb_kit.models.model import Model, Sampling
from mathb_kit.models.registry import describe_model, first_available, get_model, list_models, tuned_model
