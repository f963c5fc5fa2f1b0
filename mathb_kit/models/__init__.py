"""Models: a checkpoint with its prompt and sampling settings."""

from mathb_kit.models.model import Model, Sampling
from mathb_kit.models.registry import get_model, list_models

__all__ = ["Model", "Sampling", "get_model", "list_models"]
